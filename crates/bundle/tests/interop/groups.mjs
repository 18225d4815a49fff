// What the official Node clients do with groups of consumers, with the projections of a node, and with its users.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { ANY, address, all, client, event, fresh, lib, load, run, soon, state } from "./client.mjs";

const settings = (changes) => ({ ...lib.persistentSubscriptionToStreamSettingsFromDefaults(), ...changes });

async function consumesInAGroup() {
  const [stream, group] = [fresh("account"), fresh("group")];
  await client.appendToStream(stream, ["A", "Bad", "C"].map((type) => event(type)), state(ANY));
  const wanted = settings({ startFrom: lib.START, maxRetryCount: 1, consumerStrategyName: lib.ROUND_ROBIN });
  await client.createPersistentSubscriptionToStream(stream, group, wanted);
  const again = client.createPersistentSubscriptionToStream(stream, group, wanted);
  await assert.rejects(again, lib.PersistentSubscriptionExistsError);
  const seen = [];
  const subscription = client.subscribeToPersistentSubscriptionToStream(stream, group);
  for await (const { event: each, retryCount } of subscription) {
    seen.push(`${each.type} ${retryCount}`);
    if (each.type !== "Bad") await subscription.ack({ event: each });
    else await subscription.nack(retryCount ? lib.PARK : lib.RETRY, "it is bad", { event: each });
    if (seen.length === 4) break;
  }
  assert.deepEqual(seen.sort(), ["A 0", "Bad 0", "Bad 1", "C 0"]);
  const info = () => client.getPersistentSubscriptionToStreamInfo(stream, group);
  await soon("one is parked", async () => (await info()).stats.parkedMessageCount === 1n);
  await client.replayParkedMessagesToStream(stream, group);
  const replayed = client.subscribeToPersistentSubscriptionToStream(stream, group);
  for await (const each of replayed) {
    assert.equal(each.event.type, "Bad");
    await replayed.ack(each);
    break;
  }
  await soon("it is parked no more", async () => (await info()).stats.parkedMessageCount === 0n);
  await client.deletePersistentSubscriptionToStream(stream, group);
  await assert.rejects(info(), lib.PersistentSubscriptionDoesNotExistError);
}

async function consumesAllWithAFilter() {
  const [stream, group, type] = [fresh("seat"), fresh("group"), `Reserved${randomUUID()}`];
  const wanted = { ...lib.persistentSubscriptionToAllSettingsFromDefaults(), startFrom: lib.END };
  const filter = lib.eventTypeFilter({ prefixes: [type] });
  await client.createPersistentSubscriptionToAll(group, wanted, { filter });
  await client.appendToStream(stream, [event("Other"), event(type)], state(ANY));
  const subscription = client.subscribeToPersistentSubscriptionToAll(group);
  for await (const each of subscription) {
    assert.deepEqual([each.event.type, each.event.revision], [type, 1n]);
    await subscription.ack(each);
    break;
  }
  const pinned = { ...wanted, consumerStrategyName: lib.PINNED };
  await client.updatePersistentSubscriptionToAll(group, pinned);
  const listed = await client.listAllPersistentSubscriptions();
  const found = listed.find((each) => each.groupName === group);
  assert.equal(found.settings.consumerStrategyName, lib.PINNED);
  await client.deletePersistentSubscriptionToAll(group);
}

async function projects() {
  const category = `shelf${randomUUID().replaceAll("-", "")}`;
  await client.appendToStream(`${category}-1`, [event("Placed"), event("Taken")], state(ANY));
  await client.enableProjection("$by_category");
  assert.equal((await client.getProjectionStatus("$by_category")).projectionStatus, "Running");
  const links = async () => {
    try {
      return await all(client.readStream(`$ce-${category}`, { resolveLinkTos: true }));
    } catch (error) {
      if (error instanceof lib.StreamNotFoundError) return [];
      throw error;
    }
  };
  const found = await soon("both are linked", async () => {
    const there = await links();
    return there.length === 2 && there;
  });
  assert.deepEqual(found.map((each) => each.event.type), ["Placed", "Taken"]);
  assert.ok(found.every((each) => each.link.streamId === `$ce-${category}`));
  await client.disableProjection("$by_category");
  assert.equal((await client.getProjectionStatus("$by_category")).projectionStatus, "Stopped");
  assert.deepEqual(await client.getProjectionState("$by_category"), {});
  const names = (await client.listProjections()).map((each) => each.name);
  assert.ok(["$by_category", "$by_event_type", "$streams"].every((name) => names.includes(name)), names);
}

/** The clients have no words of their own for users, but the calls are in the package of the newer one. */
async function managesUsers() {
  const generated = "@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/usermanagement";
  const [{ UsersClient }, messages] = [load(`${generated}_grpc_pb.js`), load(`${generated}_pb.js`)];
  const { Metadata, credentials, status } = load("@grpc/grpc-js");
  const users = new UsersClient(address, credentials.createInsecure());
  const as = (user, password) => {
    const metadata = new Metadata();
    metadata.set("authorization", `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`);
    return metadata;
  };
  const ask = (name, request, options, who) => {
    const wanted = new request.Options();
    for (const [set, value] of Object.entries(options)) wanted[set](value);
    const filled = new request();
    filled.setOptions(wanted);
    return new Promise((resolve, reject) =>
      users[name](filled, who, (error, answer) => (error ? reject(error) : resolve(answer))),
    );
  };
  const login = `ann${randomUUID()}`;
  /** How the person is called, for whom may ask. */
  const details = (who) =>
    new Promise((resolve, reject) => {
      const wanted = new messages.DetailsReq.Options();
      wanted.setLoginName(login);
      const request = new messages.DetailsReq();
      request.setOptions(wanted);
      let name;
      const answers = users.details(request, who);
      answers.on("data", (answer) => (name = answer.getUserDetails().getFullName()));
      answers.on("error", reject);
      answers.on("end", () => resolve(name));
    });
  const is = (code) => (error) => error.code === code;
  const admin = as("admin", "changeit");
  const person = { setLoginName: login, setPassword: "first", setFullName: "Ann", setGroupsList: ["clerks"] };
  await ask("create", messages.CreateReq, person, admin);
  assert.equal(await details(as(login, "first")), "Ann");
  const change = { setLoginName: login, setCurrentPassword: "first", setNewPassword: "second" };
  await ask("changePassword", messages.ChangePasswordReq, change, as(login, "first"));
  await assert.rejects(details(as(login, "first")), is(status.UNAUTHENTICATED));
  assert.equal(await details(as(login, "second")), "Ann");
  await ask("disable", messages.DisableReq, { setLoginName: login }, admin);
  await assert.rejects(details(as(login, "second")), is(status.UNAUTHENTICATED));
  await ask("delete", messages.DeleteReq, { setLoginName: login }, admin);
  await assert.rejects(details(admin), is(status.NOT_FOUND));
  users.close();
}

await run(consumesInAGroup, consumesAllWithAFilter, projects, managesUsers);
