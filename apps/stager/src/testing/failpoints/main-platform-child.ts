/**
 * The platform of `failpoints.spec.ts` in a process of its own: `main-platform-child.ts ORDER`, ORDER a line of JSON. Tells
 * a story once, and lets everything come to rest. At the ordered point it kills itself, raises an error, or stalls until
 * stdin says what time it is. Prints one JSON line for everything the test has to know.
 */
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { AnswerLost } from './folder-runner.ts';
import type { Line, Order } from './order.ts';
import { storyOf } from './stories.ts';
import { World } from './world.ts';

const STDOUT = 1;

class FailpointError extends Error {
  override readonly name = 'FailpointError';
  constructor() {
    super('the failpoint of the test');
  }
}

const order = JSON.parse(process.argv[2] ?? '') as Order; // made by the test
const story = storyOf(order.story);
const points: string[] = [];
let isHit = false;

/** Written at once: whoever is killed next has said it. */
function say(line: Line): void {
  writeSync(STDOUT, `${JSON.stringify(line)}\n`);
}

async function visit(point: string): Promise<void> {
  points.push(point);
  if (isHit || order.fail === null || point !== order.fail.point) return;
  isHit = true;
  say({ kind: 'hit', nowMs: world.clock.nowMs() });
  switch (order.fail.mode) {
    case 'kill':
      process.kill(process.pid, 'SIGKILL');
      return new Promise(() => {}); // the signal is on its way
    case 'throw':
      throw new FailpointError();
    case 'stall':
      for await (const line of createInterface({ input: process.stdin })) {
        world.clock.jumpTo(Number(line));
        return;
      }
  }
}

const world: World = new World(
  {
    folder: order.folder,
    inputPath: order.inputPath,
    nowMs: order.nowMs,
    visit,
    onFailure: (operation, error) => {
      const isMeant = error instanceof FailpointError || error instanceof AnswerLost;
      if (!isMeant) say({ kind: 'failure', operation, message: String(error) });
    },
  },
  story.fate ?? {},
);
await story.tell(world);
await world.settle();
world.close();
say({ kind: 'end', nowMs: world.clock.nowMs(), points });
