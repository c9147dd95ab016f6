import { NPY_PREFIX_BYTES, npyHeaderBytes, parseNpyHeader } from './npy-header.ts';
import type { NpyHeader } from './npy-header.ts';
import { VolumeError } from './volume-error.ts';
import type { ZipArchive, ZipMember } from './zip-reader.ts';

/** An array whose header was read; `data` may be iterated once, each chunk used until the next one is asked for. */
export type NpyStream = {
  readonly header: NpyHeader;
  /** Declared by the zip, checked while `data` is read. */
  readonly dataBytes: number;
  readonly data: AsyncIterable<Buffer>;
};

/**
 * Opens a member as an array and hands it to `use`. When `use` resolves, everything that it left unread is read as
 * well, so a result means that length and checksum were right. Throws `npy_header` and the codes of `ZipArchive.read`.
 */
export async function withNpyMember<T>(
  archive: ZipArchive,
  member: ZipMember,
  use: (npy: NpyStream) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const chunks = archive.read(member, signal);
  try {
    const { header, headerBytes, rest } = await readHeader(chunks);
    const data = (async function* () {
      if (rest.length > 0) yield rest;
      // next() instead of for-await: leaving that loop early would close `chunks` before its final checks.
      for (let step = await chunks.next(); step.done !== true; step = await chunks.next()) yield step.value;
    })();
    const result = await use({ header, dataBytes: member.uncompressedBytes - headerBytes, data });
    while ((await chunks.next()).done !== true);
    return result;
  } finally {
    await chunks.return();
  }
}

/** Only the header of a member; its data stays unread and unchecked. */
export async function readNpyHead(
  archive: ZipArchive,
  member: ZipMember,
): Promise<{ readonly header: NpyHeader; readonly dataBytes: number }> {
  const chunks = archive.read(member);
  try {
    const { header, headerBytes } = await readHeader(chunks);
    return { header, dataBytes: member.uncompressedBytes - headerBytes };
  } finally {
    await chunks.return();
  }
}

/** A small member whole; the caller has looked at its declared size. */
export async function readSmallNpy(
  archive: ZipArchive,
  member: ZipMember,
): Promise<{ readonly header: NpyHeader; readonly data: Buffer }> {
  return withNpyMember(archive, member, async ({ header, data }) => {
    const chunks: Buffer[] = [];
    for await (const chunk of data) chunks.push(Buffer.from(chunk));
    return { header, data: Buffer.concat(chunks) };
  });
}

async function readHeader(
  chunks: AsyncGenerator<Buffer, void, undefined>,
): Promise<{ header: NpyHeader; headerBytes: number; rest: Buffer }> {
  let buffered: Buffer = Buffer.alloc(0);
  const fill = async (bytes: number) => {
    while (buffered.length < bytes) {
      const step = await chunks.next();
      if (step.done === true) throw new VolumeError('npy_header');
      buffered = Buffer.concat([buffered, step.value]); // a copy, too: the chunk is filled anew
    }
  };
  await fill(NPY_PREFIX_BYTES);
  const headerBytes = npyHeaderBytes(buffered);
  await fill(headerBytes);
  return {
    header: parseNpyHeader(buffered.subarray(0, headerBytes)),
    headerBytes,
    rest: buffered.subarray(headerBytes),
  };
}
