import { describe, expect, it } from '@jest/globals';
import { DiskRoom, type Disk } from './disk-room.ts';

const SCRATCH: Disk = { name: 'scratch', dir: '/scratch', reserveBytes: 10, copies: 3 };
const DATA: Disk = { name: 'data', dir: '/data', reserveBytes: 20, copies: 1 };

/** Disks of which so much is free, until a test changes it. */
function disks(free: { scratch: number; data: number }): DiskRoom {
  return new DiskRoom([SCRATCH, DATA], async (dir) => (dir === '/data' ? free.data : free.scratch));
}

const FULL = { code: 'storage_full' };

describe('the room for uploads', () => {
  it('is promised while every disk keeps its reserve with all copies of the upload', async () => {
    const room = disks({ scratch: 40, data: 30 });
    await expect(room.promise(11)).rejects.toMatchObject(FULL);
    await room.promise(10);
    await expect(disks({ scratch: 1_000, data: 29 }).promise(10)).rejects.toMatchObject(FULL);
    await expect(disks({ scratch: 39, data: 1_000 }).promise(10)).rejects.toMatchObject(FULL);
  });

  it('is promised once: what others were promised counts until they give it back', async () => {
    const room = disks({ scratch: 40, data: 30 });
    const giveBack = await room.promise(6);
    await expect(room.promise(5)).rejects.toMatchObject(FULL);
    await room.promise(4);
    giveBack();
    giveBack();
    await room.promise(6);
    await expect(room.promise(1)).rejects.toMatchObject(FULL);
  });

  it('is not promised twice to two that ask at the same time', async () => {
    const room = disks({ scratch: 40, data: 30 });
    const asked = await Promise.allSettled([room.promise(6), room.promise(6)]);
    expect(asked.some(({ status }) => status === 'rejected')).toBe(true);
  });

  it('follows the disk, and gives back what it promised for a disk that cannot be asked', async () => {
    const free = { scratch: 9, data: 100 };
    const room = disks(free);
    expect(await room.freeBytes()).toEqual(
      new Map([
        ['scratch', -1],
        ['data', 80],
      ]),
    );
    await expect(room.promise(1)).rejects.toMatchObject(FULL);
    free.scratch = 13;
    await room.promise(1);
    let isGone = true;
    const flaky = new DiskRoom([SCRATCH], async () => {
      if (isGone) throw new Error('simulated: no such disk');
      return 13;
    });
    await expect(flaky.promise(1)).rejects.toThrow('no such disk');
    isGone = false;
    await flaky.promise(1);
  });
});
