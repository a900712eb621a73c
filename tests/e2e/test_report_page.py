"""The HTML report in a real browser: on a desk and a phone, in light and dark, with and without
JavaScript, on paper; and nothing of it leaves the page."""

import shutil

import pytest

CHROMIUM = shutil.which("chromium")
if CHROMIUM is None:
    pytest.skip("there is no `chromium` on this machine", allow_module_level=True)
sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = sync_api.expect
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")
SIZES = {"desk": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 800}}


@pytest.fixture(scope="module")
def chromium():
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def report(new_work):
    """The walk-through's plan as a page, with a text that would like to be obeyed."""
    work = new_work()
    work.copy_acme()
    file = work.folder / "specs/acme/portal.yaml"
    nasty = "'<img src=x onerror=alert(1)><script>alert(1)</script>'"
    file.write_text(file.read_text("utf-8").replace("Customers of Acme", nasty), "utf-8")
    work.run("plan", "--report", "plan.html", status=0)
    return work.folder / "plan.html"


@pytest.fixture
def open_report(chromium, report):
    """Opens the page; it may ask for nothing, say nothing on the console, and show no dialog."""
    contexts, asked, said = [], [], []

    def new(**options):
        context = chromium.new_context(**options)
        contexts.append(context)
        context.on("request", lambda request: asked.append(request.url))
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: said.append(dialog.message) or dialog.dismiss())
        page.goto(report.as_uri())
        return page

    yield new
    for context in contexts:
        context.close()
    assert [url for url in asked if url != report.as_uri() and url != "data:,"] == []
    assert said == []


def visible_steps(page):
    return [a.text_content() for a in page.locator(".step:visible address").all()]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_and_can_be_read(size, scheme, open_report):
    page = open_report(viewport=SIZES[size], color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size]["width"]
    expect(page.get_by_role("heading", level=1)).to_have_text("Plan: Local Org")
    assert len(visible_steps(page)) == 7
    page.locator(".graph a").first.click()
    assert page.url.endswith("#step-1")
    # What is written stands out from what it is written on. (WCAG 2.2, 1.4.3: 4.5 to 1)
    assert page.evaluate(CONTRAST) == []


def test_search_and_filters_show_what_is_looked_for(open_report):
    page = open_report()
    search = page.get_by_label("Search the steps")
    search.fill("JANE.doe@acme")
    assert visible_steps(page) == ["contact/jane", "user/jane"]
    expect(page.locator("output")).to_have_text("2 of 7")
    page.get_by_role("button", name="user", exact=True).click()
    assert visible_steps(page) == ["user/jane"]
    search.fill("")
    page.get_by_role("button", name="user", exact=True).click()
    page.get_by_role("button", name="irreversible").click()
    assert visible_steps(page) == ["settings/OrgSettings", "user/jane"]
    page.get_by_role("button", name="update", exact=True).click()
    assert visible_steps(page) == ["settings/OrgSettings"]


def test_everything_is_there_without_javascript_and_on_paper(open_report):
    page = open_report(java_script_enabled=False)
    expect(page.locator(".controls")).to_be_hidden()
    assert len(visible_steps(page)) == 7
    page.emulate_media(media="print")
    expect(page.get_by_text("America/Los_Angeles")).to_be_visible()
    expect(page.get_by_text("<script>alert(1)</script>")).to_be_visible()


def test_the_policy_of_the_page_stops_a_script_that_got_in(chromium, report, tmp_path):
    broken = report.read_text("utf-8").replace(
        "</body>", "<script>document.title='x'</script></body>"
    )
    (tmp_path / "broken.html").write_text(broken, "utf-8")
    page = chromium.new_page()
    page.goto((tmp_path / "broken.html").as_uri())
    assert page.title() == "Plan: Local Org"
    page.close()


# Every text with a contrast of less than 4.5 to 1 to the nearest background behind it.
CONTRAST = """() => {
  const parse = (c) => (c.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => {
    const f = (v) => ((v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b);
  };
  const behind = (e) => {
    for (; e; e = e.parentElement) {
      const c = parse(getComputedStyle(e).backgroundColor);
      if (c.length === 3 || c[3] > 0) return c;
    }
    return [255, 255, 255];
  };
  const low = [];
  for (const e of document.querySelectorAll("body *:not(script):not(svg *)")) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !e.checkVisibility()) continue;
    const [a, b] = [light(parse(getComputedStyle(e).color)), light(behind(e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) low.push(`${e.tagName} ${e.textContent.trim()} ${ratio.toFixed(2)}`);
  }
  return low;
}"""
