import { LIMITS } from '@bpi/job-contract';
import type { Clock, JobStore } from '@bpi/jobs';
import { Gauge, type Registry } from 'prom-client';
import type { DiskRoom } from '../upload/disk-room.ts';
import type { UploadLoad } from '../upload/upload-gate.ts';

export type GaugeSources = {
  store: Pick<JobStore, 'census' | 'room'>;
  pools: readonly string[];
  clock: Pick<Clock, 'nowMs'>;
  disks: Pick<DiskRoom, 'freeBytes'>;
  uploads: { readonly inFlight: UploadLoad };
  /** Answers that are held, and event streams. */
  waiting: Readonly<Record<'waits' | 'streams', { readonly taken: number }>>;
};

/** What is so at the moment of a scrape. Asks the store what it can tell at a bounded cost, whatever has ended. */
export class PlatformGauges {
  readonly #sources: GaugeSources;
  readonly #jobs: Gauge<'phase'>;
  readonly #oldestQueued: Gauge;
  readonly #slots: Gauge<'pool'>;
  readonly #freeSlots: Gauge<'pool'>;
  readonly #freeBytes: Gauge<'disk'>;
  readonly #uploads: Gauge;
  readonly #uploadBytes: Gauge;
  readonly #waiters: Gauge<'kind'>;
  readonly #isRead: Gauge;

  constructor(registry: Registry, sources: GaugeSources) {
    this.#sources = sources;
    const gauge = <L extends string>(name: string, help: string, labelNames: L[] = []) =>
      new Gauge({ name, help, labelNames, registers: [registry] });
    this.#jobs = gauge('bpi_jobs', `Jobs that are not over, by phase, among the ${LIMITS.censusJobsMax} oldest.`, [
      'phase',
    ]);
    this.#oldestQueued = gauge('bpi_queue_oldest_seconds', 'Age of the oldest queued job; 0 = none is queued.');
    this.#slots = gauge('bpi_pool_slots', 'Slots of a pool.', ['pool']);
    this.#freeSlots = gauge('bpi_pool_free_slots', 'Slots of a pool that no attempt holds.', ['pool']);
    this.#freeBytes = gauge('bpi_disk_free_bytes', 'Room beyond the reserve; below 0 no upload is accepted.', ['disk']);
    this.#uploads = gauge('bpi_uploads_in_flight', 'Uploads under way, their checks included.');
    this.#uploadBytes = gauge('bpi_upload_bytes_in_flight', 'Bytes that the uploads under way declare.');
    this.#waiters = gauge('bpi_waiters', 'Clients that wait for a change, by how they are told.', ['kind']);
    this.#isRead = gauge(
      'bpi_figures_read',
      '1 if store and disks answered; 0 = the figures that they give are left out.',
    );
  }

  /** Never rejects: what is counted here is worth most while the store does not answer. */
  async read(): Promise<void> {
    const { waits, streams } = this.#sources.waiting;
    this.#waiters.set({ kind: 'wait' }, waits.taken);
    this.#waiters.set({ kind: 'stream' }, streams.taken);
    const { uploads, bytes } = this.#sources.uploads.inFlight;
    this.#uploads.set(uploads);
    this.#uploadBytes.set(bytes);
    try {
      const [census, rooms, free] = await this.#ask();
      const { oldestQueuedAtMs, ...phases } = census;
      for (const [phase, jobs] of Object.entries(phases)) this.#jobs.set({ phase }, jobs);
      const ageMs = oldestQueuedAtMs === null ? 0 : this.#sources.clock.nowMs() - oldestQueuedAtMs;
      this.#oldestQueued.set(Math.max(0, ageMs) / 1_000);
      for (const [pool, room] of rooms) {
        this.#slots.set({ pool }, room.slots);
        this.#freeSlots.set({ pool }, room.free);
      }
      for (const [disk, bytes] of free) this.#freeBytes.set({ disk }, bytes);
      this.#isRead.set(1);
    } catch {
      // An old figure would pass for a new one.
      for (const labelled of [this.#jobs, this.#slots, this.#freeSlots, this.#freeBytes]) labelled.reset();
      this.#oldestQueued.remove();
      this.#isRead.set(0);
    }
  }

  #ask() {
    const { store, pools, disks } = this.#sources;
    const rooms = Promise.all(pools.map(async (pool) => [pool, await store.room(pool)] as const));
    return Promise.all([store.census(LIMITS.censusJobsMax), rooms, disks.freeBytes()]);
  }
}
