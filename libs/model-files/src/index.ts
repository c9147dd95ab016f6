export { errorCode, hasCode, unlessExists, unlessMissing } from './error-code.ts';
export { exceedsLimits } from './output-watch.ts';
export { ProgressTail, type ProgressLine } from './progress-tail.ts';
export { CatalogueError, readCatalogue } from './read-catalogue.ts';
export { removeTree } from './remove-tree.ts';
export { readUntrusted } from './untrusted-file.ts';
