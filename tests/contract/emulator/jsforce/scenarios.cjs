// What jsforce does with the local org: `node scenarios.cjs <name>` prints what it got as JSON.
// The environment tells where the org is and how to log in; jsforce is found through NODE_PATH.
const jsforce = require("jsforce");

const { ORG_URL, ORG_USERNAME, ORG_PASSWORD, ORG_TOKEN, ORG_KEY, ORG_SECRET } = process.env;

const connection = (more = {}) =>
  new jsforce.Connection({
    instanceUrl: ORG_URL,
    accessToken: ORG_TOKEN,
    version: "60.0",
    ...more,
  });

async function refused(promise) {
  try {
    await promise;
  } catch (error) {
    return { name: error.name, errorCode: error.errorCode, message: error.message };
  }
  return "not refused";
}

const accounts = (count) => [...Array(count).keys()].map((n) => ({ Name: `Account ${n}` }));

const scenarios = {
  async loginWithSoap() {
    const conn = new jsforce.Connection({ loginUrl: ORG_URL, version: "60.0" });
    const user = await conn.login(ORG_USERNAME, ORG_PASSWORD);
    const found = await conn.query("SELECT Username FROM User WHERE Id = '" + user.id + "'");
    const { accessToken } = conn;
    await conn.logout();
    const late = connection({ accessToken });
    return { user, found: found.records[0].Username, gone: await refused(late.query("SELECT Id FROM User")) };
  },

  async wrongPassword() {
    const conn = new jsforce.Connection({ loginUrl: ORG_URL, version: "60.0" });
    return refused(conn.login(ORG_USERNAME, "wrong"));
  },

  async loginWithOAuth() {
    const conn = new jsforce.Connection({
      oauth2: { loginUrl: ORG_URL, clientId: ORG_KEY, clientSecret: ORG_SECRET },
      version: "60.0",
    });
    const user = await conn.login(ORG_USERNAME, ORG_PASSWORD);
    const identity = await conn.identity();
    return { user, username: identity.username ?? identity.preferred_username };
  },

  async versions() {
    const conn = connection();
    const limits = await conn.limits();
    return { limits: limits.DailyApiRequests, usage: conn.limitInfo.apiUsage.limit };
  },

  async queries() {
    const conn = connection();
    const made = await conn.sobject("Account").create(accounts(250), { allowRecursive: true });
    await conn.sobject("Contact").create({ LastName: "Doe", AccountId: made[0].id });
    const pages = [];
    let result = await conn.query("SELECT Name FROM Account", {
      headers: { "Sforce-Query-Options": "batchSize=200" },
    });
    pages.push([result.totalSize, result.records.length, result.done]);
    result = await conn.queryMore(result.nextRecordsUrl);
    pages.push([result.totalSize, result.records.length, result.done]);
    const all = await conn.query("SELECT Id FROM Account").run({ autoFetch: true, maxFetch: 1000 });
    const found = await conn
      .sobject("Account")
      .find({ Name: { $like: "Account 24%" } }, ["Id", "Name"])
      .sort({ Name: -1 })
      .limit(3);
    const withChildren = await conn
      .sobject("Account")
      .select("Name")
      .include("Contacts")
      .select("LastName")
      .end()
      .where({ Name: "Account 0" })
      .execute();
    return {
      made: made.filter((one) => one.success).length,
      pages,
      all: all.length ?? all.records.length,
      found: found.map((record) => record.Name),
      children: withChildren[0].Contacts.records.map((record) => record.LastName),
      count: await conn.sobject("Account").count(),
      wrong: await refused(conn.query("SELECT Nothing FROM Account")),
    };
  },

  async records() {
    const conn = connection();
    const Account = conn.sobject("Account");
    const { id, success } = await Account.create({ Name: "Acme", Industry: "Banking" });
    await Account.update({ Id: id, Name: "Acme Corporation" });
    const { Name, Industry, attributes } = await Account.retrieve(id);
    const many = await conn.sobject("Account").create([{ Name: "B" }, { Industry: "Banking" }]);
    const contact = { LastName: "Doe", Email: "jane@acme.example" };
    const upserts = [
      await conn.sobject("Contact").upsert(contact, "Email"),
      await conn.sobject("Contact").upsert({ ...contact, FirstName: "Jane" }, "Email"),
    ];
    const removed = await Account.destroy(id);
    return {
      success,
      row: { Name, Industry, type: attributes.type },
      many: many.map((one) => [one.success, one.errors.map((e) => e.errorCode ?? e.statusCode)]),
      upserts: upserts.map((one) => one.created),
      sameRow: upserts[0].id === upserts[1].id,
      removed: removed.success,
      gone: await refused(Account.retrieve(id)),
      missing: await refused(Account.create({ Industry: "Banking" })),
    };
  },

  async describes() {
    const conn = connection();
    const described = await conn.sobject("Contact").describe();
    const every = await conn.describeGlobal();
    return {
      name: described.name,
      email: described.fields.find((field) => field.name === "Email").type,
      objects: every.sobjects.map((one) => one.name),
    };
  },

  async metadata() {
    const conn = connection();
    const name = "Portal Members";
    const saved = await conn.metadata.upsert("Profile", {
      fullName: name,
      custom: true,
      description: "made by jsforce",
      userLicense: "Salesforce",
    });
    const again = await conn.metadata.upsert("Profile", { fullName: name, custom: true, description: "changed" });
    const read = await conn.metadata.read("Profile", name);
    const listed = await conn.metadata.list([{ type: "Profile" }], "60.0");
    const described = await conn.metadata.describe("60.0");
    const removed = await conn.metadata.delete("Profile", name);
    return {
      saved: [saved.success, saved.created],
      again: [again.success, again.created],
      read: [read.fullName, read.description],
      listed: listed.some((one) => decodeURIComponent(one.fullName) === name),
      types: described.metadataObjects.map((one) => one.xmlName),
      removed: removed.success,
    };
  },

  async sites() {
    const conn = connection();
    const listed = async () => (await conn.request("/connect/communities")).communities.map((one) => one.name);
    const made = await conn.requestPost("/connect/communities", {
      name: "Acme Help",
      urlPathPrefix: "help",
      templateName: "Customer Service",
      description: "",
    });
    const operation = `SELECT Id, Status FROM BackgroundOperation WHERE Id = '${made.jobId}'`;
    const states = [];
    while (states.at(-1) !== "Complete") states.push((await conn.query(operation)).records[0].Status);
    const [network] = (await conn.query("SELECT Id, Status FROM NETWORK WHERE NAME = 'Acme Help'")).records;
    const again = await conn
      .requestPost("/connect/communities", { name: "Acme Help", urlPathPrefix: "x", templateName: "Aloha" })
      .catch((error) => [error.errorCode, error.message]);
    const profile = await conn.sobject("Profile").findOne({ Name: "Customer Community User" }, "Id");
    const groups = conn.sobject("NetworkMemberGroup");
    const group = await groups.create({ NetworkId: network.Id, ParentId: profile.Id });
    const steps = [];
    while (steps.at(-1) !== "Added") steps.push((await groups.findOne({ Id: group.id })).AssignmentStatus);
    const removed = await groups.destroy(group.id).catch((error) => error.errorCode);
    const read = await conn.metadata.read("Network", "Acme Help");
    const live = await conn.metadata.update("Network", { ...read, status: "Live" });
    const published = await conn.requestPost(`/connect/communities/${network.Id}/publish`, {});
    return {
      message: made.message,
      states,
      status: network.Status,
      again,
      steps,
      removed,
      profiles: read.networkMemberGroups.profile,
      live: live.success,
      after: (await conn.sobject("Network").retrieve(network.Id)).Status,
      published: [published.name, published.id === network.Id],
      listed: await listed(),
    };
  },

  async deploy() {
    const conn = connection();
    const zip = Buffer.from(process.env.PACKAGE, "base64");
    const done = await conn.metadata.deploy(zip, { singlePackage: true, rollbackOnError: true }).complete(true);
    const wrong = Buffer.from(process.env.WRONG_PACKAGE, "base64");
    const failed = await conn.metadata.deploy(wrong, { singlePackage: true, rollbackOnError: true }).complete(true);
    const rest = await conn.metadata.deployRest(zip, { singlePackage: true, checkOnly: true }).complete(true);
    const read = await conn.metadata.read("Profile", "Deployed");
    return {
      done: [done.success, done.status, Number(done.numberComponentsDeployed)],
      failed: [failed.success, failed.status, Number(failed.numberComponentErrors)],
      rest: [rest.success, rest.status],
      read: read.description,
    };
  },

  async retrieve() {
    const conn = connection();
    const result = await conn.metadata
      .retrieve({
        apiVersion: "60.0",
        singlePackage: true,
        unpackaged: { types: [{ members: ["Admin"], name: "Profile" }], version: "60.0" },
      })
      .complete();
    return { success: result.success, zip: result.zipFile.length > 100 };
  },

  async bulk2() {
    const conn = connection();
    const rows = accounts(30).map((row) => ({ ...row, Site: "x" })).concat([{ Name: "", Site: "x" }]);
    const made = await conn.bulk2.loadAndWaitForResults({ object: "Account", operation: "insert", input: rows });
    const names = [];
    const stream = await conn.bulk2.query("SELECT Id, Name FROM Account ORDER BY Name");
    for await (const record of stream) names.push(record.Name);
    const removed = await conn.bulk2.loadAndWaitForResults({
      object: "Account",
      operation: "delete",
      input: made.successfulResults.map((row) => ({ Id: row.sf__Id })),
    });
    return {
      made: made.successfulResults.length,
      failed: made.failedResults.map((row) => row.sf__Error.split(":")[0]),
      unprocessed: made.unprocessedRecords.length,
      names: names.length,
      removed: removed.successfulResults.length,
      left: await conn.sobject("Account").count(),
    };
  },

  async bulk1() {
    const conn = connection();
    const made = await conn.bulk.load("Account", "insert", accounts(5));
    return { made: made.map((one) => one.success), left: await conn.sobject("Account").count() };
  },

  async tooling() {
    const conn = connection();
    const found = await conn.tooling.query("SELECT FullName, Name FROM Profile WHERE Name = 'System Administrator'");
    return found.records.map((record) => record.FullName);
  },

  async searching() {
    const conn = connection();
    const [one] = await conn.sobject("Account").create([{ Name: "Acme" }, { Name: "Bolt" }]);
    const found = await conn.search("FIND {Acme} IN NAME FIELDS RETURNING Account(Id, Name)");
    await conn.query(`SELECT Id FROM Account WHERE Id = '${one.id}' FOR VIEW`);
    const recent = await conn.recent("Account", 5);
    return {
      found: found.searchRecords.map((record) => record.Name),
      recent: recent.map((record) => record.attributes.type),
      refused: (await refused(conn.search("FIND {A"))).errorCode,
    };
  },

  async changed() {
    const conn = connection();
    const Account = conn.sobject("Account");
    const made = await Account.create(accounts(3));
    await Account.destroy(made[0].id);
    const start = new Date(Date.now() - 3600e3).toISOString();
    const end = new Date(Date.now() + 120e3).toISOString();
    const updated = await Account.updated(start, end);
    const deleted = await Account.deleted(start, end);
    return { updated: updated.ids.length, deleted: deleted.deletedRecords.map((row) => row.id === made[0].id) };
  },

  async many() {
    const conn = connection();
    const Account = conn.sobject("Account");
    await Account.create(accounts(12));
    const changed = await Account.find({ Name: { $like: "Account 1%" } }).update({ Site: "${Name}, here" });
    const site = await Account.findOne({ Name: "Account 11" }, "Site");
    const removed = await Account.find({ Name: { $like: "Account 1%" } }).destroy();
    const retrieved = await Account.retrieve((await Account.find()).map((row) => row.Id));
    const upserted = await conn.sobject("Contact").upsert(
      [{ LastName: "Doe", Email: "a@acme.example" }, { LastName: "Roe", Email: "b@acme.example" }, { Email: "c@acme.example" }],
      "Email",
    );
    const whole = await conn.sobject("Contact").create([{ LastName: "A" }, {}], { allOrNone: true });
    return {
      changed: changed.map((one) => one.success),
      site: site.Site,
      removed: removed.map((one) => one.success),
      retrieved: retrieved.length,
      upserted: upserted.map((one) => one.success),
      whole: whole.map((one) => one.errors.map((error) => error.statusCode ?? error.errorCode)),
    };
  },

  async tokens() {
    const oauth2 = new jsforce.OAuth2({ loginUrl: ORG_URL, clientId: ORG_KEY, clientSecret: ORG_SECRET });
    const form = { grant_type: "password", username: ORG_USERNAME, password: ORG_PASSWORD };
    const first = await oauth2._postParams({
      ...form, client_id: ORG_KEY, client_secret: ORG_SECRET, scope: "api refresh_token",
    });
    const again = await oauth2.refreshToken(first.refresh_token);
    const conn = new jsforce.Connection({
      oauth2, instanceUrl: ORG_URL, accessToken: "gone", refreshToken: first.refresh_token, version: "60.0",
    });
    const refreshed = [];
    conn.on("refresh", (token) => refreshed.push(token.length > 50));
    const rows = await conn.query("SELECT Id FROM Organization");
    await oauth2.revokeToken(first.refresh_token);
    return {
      again: again.token_type,
      refreshed,
      rows: rows.totalSize,
      revoked: await refused(oauth2.refreshToken(first.refresh_token)),
    };
  },

  async toolingRecords() {
    const conn = connection();
    const described = await conn.tooling.describeGlobal();
    const profile = await conn.tooling.sobject("Profile").findOne({ Name: "System Administrator" }, "Id, Name");
    const whole = await conn.tooling.describe("Profile");
    return {
      knows: described.sobjects.some((one) => one.name === "Profile"),
      profile: profile.Name,
      fields: whole.fields.some((field) => field.name === "FullName"),
    };
  },

  async bulk1Queries() {
    const conn = connection();
    await conn.sobject("Account").create(accounts(4));
    const rows = await (await conn.bulk.query("SELECT Name FROM Account ORDER BY Name")).toArray();
    const job = conn.bulk.createJob("Account", "upsert", { extIdField: "Id", concurrencyMode: "Serial" });
    const batch = job.createBatch();
    const done = await new Promise((resolve, reject) => {
      batch.on("error", reject);
      batch.on("queue", () => batch.poll(50, 10000));
      batch.on("response", resolve);
      batch.execute([{ Name: "New" }]);
    });
    const info = await job.close();
    const failed = await refused(conn.bulk.query("SELECT Nope FROM Account").then((stream) => stream.toArray()));
    return { names: rows.map((row) => row.Name), done: done.map((one) => one.success), state: info.state, failed: failed !== "not refused" };
  },

  async bulk2Jobs() {
    const conn = connection();
    const job = conn.bulk2.createJob({ object: "Account", operation: "insert" });
    await job.open();
    await job.uploadData("Name\nA\nB\n");
    await job.close();
    await job.poll(50, 20000);
    const results = await job.getAllResults();
    await job.delete();
    const aborted = conn.bulk2.createJob({ object: "Account", operation: "insert" });
    await aborted.open();
    await aborted.abort();
    return {
      made: results.successfulResults.length,
      gone: await refused(job.check()),
      state: (await aborted.check()).state,
      wrong: await refused(conn.bulk2.query("SELECT COUNT() FROM Account")),
    };
  },

  async composite() {
    const conn = connection();
    return conn.requestPost("/services/data/v60.0/composite", {
      compositeRequest: [
        { method: "POST", url: "/services/data/v60.0/sobjects/Account", referenceId: "a", body: { Name: "A" } },
        { method: "GET", url: "/services/data/v60.0/sobjects/Account/@{a.id}?fields=Name", referenceId: "b" },
      ],
    });
  },
};

scenarios[process.argv[2]]().then(
  (result) => console.log(JSON.stringify(result)),
  (error) => {
    console.error(error);
    process.exitCode = 1;
  },
);
