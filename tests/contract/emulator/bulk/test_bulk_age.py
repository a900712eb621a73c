"""Jobs of the Bulk APIs grow old by the org's clock: open ones end, and ended ones are deleted."""

from datetime import timedelta

import pytest

from .test_bulk_classic import Classic, text


@pytest.fixture
def later(local, rest, admin):
    """Lets hours pass; the administrator logs in again."""

    def wait(hours):
        local.set_clock(local.now() + timedelta(hours=hours))
        token = local.start_session(admin).token
        rest.session.headers["Authorization"] = f"Bearer {token}"
        return Classic(rest.session, token)

    return wait


def loaded(rest, name):
    job = rest("POST", "/jobs/ingest", {"object": "Account", "operation": "insert"})[1]["id"]
    csv = {"data": f"Name\n{name}\n".encode(), "headers": {"Content-Type": "text/csv"}}
    assert rest.send("PUT", f"/jobs/ingest/{job}/batches", **csv).status_code == 201
    rest("PATCH", f"/jobs/ingest/{job}", {"state": "UploadComplete"})
    assert rest("GET", f"/jobs/ingest/{job}")[1]["state"] == "JobComplete"
    return job


def ids(rest, kind):
    return {job["id"] for job in rest("GET", f"/jobs/{kind}")[1]["records"]}


def test_results_are_there_for_seven_days(rest, later):
    ingest = loaded(rest, "A")
    body = {"operation": "query", "query": "SELECT Name FROM Account"}
    query = rest("POST", "/jobs/query", body)[1]["id"]
    assert rest("GET", f"/jobs/query/{query}")[1]["state"] == "JobComplete"
    paths = f"/jobs/ingest/{ingest}/successfulResults", f"/jobs/query/{query}/results"
    later(7 * 24 - 1)
    assert [rest.send("GET", path).status_code for path in paths] == [200, 200]
    later(2)
    for path in (*paths, f"/jobs/ingest/{ingest}", f"/jobs/query/{query}"):
        assert rest.refusal("GET", path)[:2] == (404, "NOT_FOUND")
    assert rest.rows("SELECT Name FROM Account") == [{"Name": "A"}]


def test_lists_leave_out_what_is_too_old(rest, later):
    old = loaded(rest, "A")
    later(5 * 24)
    young = loaded(rest, "B")
    assert ids(rest, "ingest") == {old, young}
    later(3 * 24)
    assert ids(rest, "ingest") == {young}


def test_a_job_left_open_ends_after_a_day(rest, later):
    job = rest("POST", "/jobs/ingest", {"object": "Account", "operation": "insert"})[1]["id"]
    later(23)
    assert rest("GET", f"/jobs/ingest/{job}")[1]["state"] == "Open"
    later(2)
    assert rest("GET", f"/jobs/ingest/{job}")[1]["state"] == "Aborted"
    closing = rest.refusal("PATCH", f"/jobs/ingest/{job}", {"state": "UploadComplete"})
    assert closing[:2] == (400, "INVALIDJOBSTATE")
    later(6 * 24)
    assert rest.refusal("GET", f"/jobs/ingest/{job}")[0] == 404


def test_a_classic_job_takes_batches_for_a_day_and_is_kept_for_seven(rest, later):
    classic = later(0)
    job = classic.job("insert")
    classic = later(23)
    batch = classic.batch(job, "Name\nA\n")
    classic = later(2)
    late = classic.refusal("POST", f"/{job}/batch", "Name\nB\n", "text/csv")
    assert late[:2] == (400, "InvalidJobState")
    assert text(classic.xml("GET", f"/{job}"), "state") == "Open"
    classic = later(7 * 24 - 3)  # the job is older than seven days, its batch is not
    assert text(classic.xml("GET", f"/{job}/batch/{batch}"), "state") == "Completed"
    classic = later(2)
    for path in (f"/{job}", f"/{job}/batch/{batch}", f"/{job}/batch/{batch}/result"):
        assert classic.refusal("GET", path)[:2] == (400, "InvalidJob")


def test_a_batch_that_nobody_asked_for_has_run(rest, later):
    classic = later(0)
    job = classic.job("insert")
    classic.batch(job, "Name\nA\n")
    classic = later(8 * 24)
    assert classic.refusal("GET", f"/{job}")[1] == "InvalidJob"
    assert rest.rows("SELECT Name FROM Account") == [{"Name": "A"}]
