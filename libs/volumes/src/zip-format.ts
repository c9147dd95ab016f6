/**
 * Numbers of the ZIP format that reader and writer share.
 * Source: PKWARE APPNOTE.TXT 6.3.10, sections 4.3 and 4.5.3.
 */
export const LOCAL_HEADER_SIGNATURE = 0x04034b50;
export const CENTRAL_HEADER_SIGNATURE = 0x02014b50;
export const END_SIGNATURE = 0x06054b50;
export const ZIP64_END_SIGNATURE = 0x06064b50;
export const ZIP64_LOCATOR_SIGNATURE = 0x07064b50;

export const LOCAL_HEADER_BYTES = 30;
export const CENTRAL_HEADER_BYTES = 46;
export const END_BYTES = 22;
export const ZIP64_END_BYTES = 56;
export const ZIP64_LOCATOR_BYTES = 20;

export const METHOD_STORED = 0;
export const METHOD_DEFLATED = 8;

export const ZIP64_EXTRA_ID = 0x0001;
export const UINT16_MAX = 0xffff;
export const UINT32_MAX = 0xffffffff;

/** `.npy` is the only kind of member in an NPZ file. */
export const MEMBER_SUFFIX = '.npy';
