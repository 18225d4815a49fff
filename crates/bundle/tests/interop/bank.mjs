// An application of the third-party library Emmett, with its store for EventStoreDB. The argument: the node's address.
// A bank, as the library's own guide builds applications.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const library = (name) => import(pathToFileURL(`${process.cwd()}/node_modules/@event-driven-io/${name}/dist/index.js`));
const { CommandHandler } = await library("emmett");
const { getEventStoreDBEventStore } = await library("emmett-esdb");
const { EventStoreDBClient } = createRequire(`${process.cwd()}/`)("@eventstore/db-client");

const client = EventStoreDBClient.connectionString(`esdb://${process.argv[2]}?tls=false`);
const store = getEventStoreDBEventStore(client);

const initialState = () => ({ status: "none", balance: 0 });
const evolve = (account, { type, data }) => {
  switch (type) {
    case "AccountOpened":
      return { status: "open", balance: 0 };
    case "MoneyMoved":
      return { ...account, balance: account.balance + data.amount };
    default:
      return account;
  }
};
const handle = CommandHandler({ evolve, initialState });

const open = (owner) => (account) => {
  assert.equal(account.status, "none");
  return { type: "AccountOpened", data: { owner } };
};
const move = (amount) => (account) => {
  if (account.balance + amount < 0) throw new Error("there is not enough money");
  return [{ type: "MoneyMoved", data: { amount } }];
};

const stream = `bank_account-${randomUUID()}`;
await handle(store, stream, open("Zoë"));
await handle(store, stream, move(100));
const { newState, nextExpectedStreamVersion } = await handle(store, stream, move(-40));
assert.equal(newState.balance, 60);
assert.equal(nextExpectedStreamVersion, 2n);
await assert.rejects(handle(store, stream, move(-1000)), /not enough money/);

const { state, currentStreamVersion } = await store.aggregateStream(stream, { evolve, initialState });
assert.deepEqual(state, { status: "open", balance: 60 });
assert.equal(currentStreamVersion, 2n);

const stale = store.appendToStream(stream, [{ type: "MoneyMoved", data: { amount: 1 } }], { expectedStreamVersion: 0n });
await assert.rejects(stale, (error) => error.name === "ExpectedVersionConflictError" || /version/i.test(error.message));
await assert.rejects(
  store.appendToStream(stream, [{ type: "AccountOpened", data: {} }], { expectedStreamVersion: "STREAM_DOES_NOT_EXIST" }),
);

// Ten commands at the same time: each is decided again when another came first. (The two packages each bring a class of
// their own for that, so the library's retry does not see it.)
const persistently = async (decide) => {
  for (;;) {
    try {
      return await handle(store, stream, decide);
    } catch (error) {
      if (error.errorCode !== 412) throw error;
    }
  }
};
await Promise.all(Array.from({ length: 10 }, () => persistently(move(1))));
assert.equal((await store.aggregateStream(stream, { evolve, initialState })).state.balance, 70);

console.log("ok bank of emmett-esdb");
process.exit(0);
