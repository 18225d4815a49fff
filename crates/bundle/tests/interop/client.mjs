// An official Node client, and what the scripts that use it have in common.
// The arguments of each script: the package's name, and the connection string of a node.
// The packages are found beside the working folder.

import { randomUUID } from "node:crypto";
import { createRequire } from "node:module";

const [name, uri] = process.argv.slice(2);
export const load = createRequire(`${process.cwd()}/`);
export const lib = load(name);
export const isNewer = lib.KurrentDBClient !== undefined;
export const client = (lib.KurrentDBClient ?? lib.EventStoreDBClient).connectionString(uri);
export const address = uri.split("//")[1].split("@").at(-1).split("?")[0];
export const ANY = lib.ANY ?? "any";
export const NO_STREAM = lib.NO_STREAM ?? "no_stream";
export const state = (value) => (isNewer ? { streamState: value } : { expectedRevision: value });

export const fresh = (category) => `${category}-${randomUUID()}`;
export const event = (type, data = {}) => lib.jsonEvent({ type, data });
export const all = async (stream) => {
  const events = [];
  for await (const each of stream) events.push(each);
  return events;
};
export const revisions = (events) => events.map((each) => each.event.revision);

/** Asks again until there is what was asked for. */
export async function soon(what, found) {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const answer = await found();
    if (answer) return answer;
    if (Date.now() > deadline) throw new Error(`not in time: ${what}`);
  }
}

/** Does one job after the other, and tells of each. */
export async function run(...jobs) {
  for (const job of jobs) {
    await job();
    console.log("ok", job.name);
  }
  await client.dispose();
  process.exit(0);
}
