/** DER writer, and a bounded reader of BER and DER (X.690) that slices its input and never copies it. */
export {
  type CertificationRequestFields,
  certificationRequestInfo,
  encodeMailboxNames,
} from './certification-request.ts';
export { OID } from './oids.ts';
export { DerReader } from './reader.ts';
export {
  certificateExtension,
  type StructureSignature,
  signatureIdentifier,
  signedStructure,
} from './signed-structure.ts';
export { encodeSubject, type SubjectRequest } from './subject-name.ts';
export {
  DerDepthError,
  DerError,
  elementLength,
  MAX_DEPTH,
  MAX_ELEMENTS,
  MAX_HEADER_OCTETS,
  nullIfMalformed,
  octetStringContent,
  type ReadOptions,
  readAll,
  readOnly,
  readTlv,
  readTlvHeader,
  type TagClass,
  type Tlv,
  type TlvHeader,
} from './tlv.ts';
export {
  type BitString,
  decodeBitString,
  decodeBoolean,
  decodeInteger,
  decodeOctetString,
  decodeTime,
  integerContent,
  oidContent,
  oidToString,
} from './values.ts';
export { der, derHeader, derHeaderLength, derLength } from './writer.ts';
