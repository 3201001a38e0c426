/** Small files that are on the disk, and whole, when a call resolves; and what a disk answers. */
export { ifGone, isSystemError } from './system-error.ts';
export { replaceFile, syncFolder, writeSynced } from './whole-file.ts';
