/** DER writer, and a bounded reader of BER and DER (X.690) that slices its input and never copies it. */
export { OID } from './oids.ts';
export { DerReader } from './reader.ts';
export {
  DerError,
  elementLength,
  MAX_DEPTH,
  MAX_ELEMENTS,
  octetStringContent,
  type ReadOptions,
  readAll,
  readOnly,
  readTlv,
  type TagClass,
  type Tlv,
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
