/** The certificates of users that a gateway publishes: who may be in it, the file, and its index. */
export { foldAddress } from './fold.ts';
export { readLines } from './lines.ts';
export { type KeyUse, MAX_ADDRESSES, MAX_LINE_BYTES, type UserCertificate } from './record.ts';
export { HASHED_ATTRIBUTES, type SearchAttribute, searchKey, searchKeysOf } from './search-keys.ts';
export { userCertificateOf } from './user-certificate.ts';
export { UserCertificates } from './user-certificates.ts';
export { type AddOutcome, StoreBusy, UserCertificateWriter } from './writer.ts';
