// What the official Node clients do with the streams of a node.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { ANY, NO_STREAM, all, client, event, fresh, isNewer, lib, revisions, run, state } from "./client.mjs";

async function appendsAndReads() {
  const stream = fresh("account");
  const opened = event("AccountOpened", { owner: "Zoë" });
  await client.appendToStream(stream, opened, state(NO_STREAM));
  await client.appendToStream(stream, opened, state(NO_STREAM));
  const batch = [1, 2, 3].map((amount) => event("Deposited", { amount }));
  const appended = await client.appendToStream(stream, batch, state(0n));
  assert.equal(appended.nextExpectedRevision, 3n);
  const forwards = await all(client.readStream(stream));
  assert.deepEqual(revisions(forwards), [0n, 1n, 2n, 3n]);
  assert.equal(forwards[0].event.id, opened.id);
  assert.deepEqual(forwards[0].event.data, { owner: "Zoë" });
  assert.ok(Math.abs(forwards[0].event.created - Date.now()) < 3600_000);
  const backwards = await all(client.readStream(stream, { direction: "backwards", fromRevision: "end", maxCount: 2 }));
  assert.deepEqual(revisions(backwards), [3n, 2n]);
  await assert.rejects(client.appendToStream(stream, event("X"), state(1n)), lib.WrongExpectedVersionError);
  await client.appendToStream(stream, event("After"), state(3n));
  await assert.rejects(all(client.readStream(fresh("account"))), lib.StreamNotFoundError);
}

async function appendsWithCredentialsOneByOne() {
  // With credentials the client uses the other of the two calls for appending.
  const stream = fresh("account");
  const credentials = { username: "admin", password: "changeit" };
  await client.appendToStream(stream, event("A"), { ...state(NO_STREAM), credentials });
  const wrong = client.appendToStream(stream, event("B"), { ...state(NO_STREAM), credentials });
  await assert.rejects(wrong, lib.WrongExpectedVersionError);
}

/** The older client filters where it subscribes only. */
async function filtered(filter, count) {
  if (isNewer) return all(client.readAll({ filter }));
  const events = [];
  for await (const each of client.subscribeToAll({ fromPosition: "start", filter })) {
    events.push(each);
    if (events.length === count) return events;
  }
}

async function filtersAll() {
  const type = `Reserved${randomUUID()}`;
  const stream = fresh("seat");
  await client.appendToStream(stream, [event("Other"), event(type)], state(ANY));
  const byType = await filtered(lib.eventTypeFilter({ prefixes: [type] }), 1);
  assert.deepEqual(byType.map((each) => each.event.type), [type]);
  const byStream = await filtered(lib.streamNameFilter({ regex: `^${stream}$` }), 2);
  assert.deepEqual(revisions(byStream), [0n, 1n]);
}

async function subscribes() {
  const stream = fresh("account");
  await client.appendToStream(stream, [event("A"), event("B")], state(ANY));
  const seen = [];
  let caughtUp = 0;
  const subscription = client.subscribeToStream(stream, { fromRevision: "start" });
  subscription.on("caughtUp", () => {
    caughtUp += 1;
    client.appendToStream(stream, event("C"), state(ANY));
  });
  for await (const each of subscription) {
    seen.push(each.event.type);
    if (each.event.type === "C") break;
  }
  assert.deepEqual(seen, ["A", "B", "C"]);
  assert.equal(caughtUp, 1);
  const type = `Rare${randomUUID()}`;
  const filter = lib.eventTypeFilter({ prefixes: [type], checkpointInterval: 1, maxSearchWindow: 1 });
  const place = await new Promise((resolve, reject) => {
    const looking = client.subscribeToAll({ fromPosition: "start", filter: { ...filter, checkpointReached: (_, at) => resolve([looking, at]) } });
    looking.on("error", reject);
  });
  await place[0].unsubscribe();
  await client.appendToStream(stream, event(type), state(ANY));
  for await (const each of client.subscribeToAll({ fromPosition: place[1], filter })) {
    assert.equal(each.event.type, type);
    break;
  }
}

async function deletes() {
  const stream = fresh("account");
  await client.appendToStream(stream, event("A"), state(ANY));
  await assert.rejects(client.deleteStream(stream, { expectedRevision: 7n }), lib.WrongExpectedVersionError);
  await client.deleteStream(stream);
  await assert.rejects(all(client.readStream(stream)), lib.StreamNotFoundError);
  await client.appendToStream(stream, event("B"), state(NO_STREAM));
  assert.deepEqual(revisions(await all(client.readStream(stream))), [1n]);
  await client.tombstoneStream(stream);
  await assert.rejects(all(client.readStream(stream)), lib.StreamDeletedError);
  await assert.rejects(client.appendToStream(stream, event("C"), state(ANY)), lib.StreamDeletedError);
}

async function setsMetadata() {
  const stream = fresh("account");
  await client.appendToStream(stream, [event("A"), event("B"), event("C")], state(ANY));
  await client.setStreamMetadata(stream, { maxCount: 2, owner: "Zoë" });
  const { metadata } = await client.getStreamMetadata(stream);
  assert.equal(metadata.maxCount, 2);
  assert.equal(metadata.owner, "Zoë");
  assert.deepEqual(revisions(await all(client.readStream(stream))), [1n, 2n]);
}

async function appendsToSeveralStreams() {
  if (!client.multiStreamAppend) return;
  const [first, second] = [fresh("account"), fresh("account")];
  const to = (streamName, expectedState, ...events) => ({ streamName, expectedState, events });
  const appended = await client.multiStreamAppend([to(first, "no_stream", event("A"), event("B")), to(second, "any", event("C"))]);
  assert.deepEqual(appended.responses.map((each) => each.revision), [1n, 0n]);
  const conflict = client.multiStreamAppend([to(first, 1n, event("D")), to(second, 7n, event("E"))]);
  await assert.rejects(conflict, lib.WrongExpectedVersionError ?? Error);
  assert.deepEqual(revisions(await all(client.readStream(first))), [0n, 1n]);
}

await run(appendsAndReads, appendsWithCredentialsOneByOne, filtersAll, subscribes, deletes, setsMetadata, appendsToSeveralStreams);
