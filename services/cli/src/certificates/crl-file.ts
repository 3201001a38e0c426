import { type Crl, parseCrl, parsePemCrls } from '@sallyport/pki';
import { readBytes } from '../commands/read-input.ts';
import { Complaint } from '../commands/run.ts';

const DER_SEQUENCE = 0x30;

/** The CRLs of a PEM or DER file. @throws Complaint if one cannot be read or there is none. */
export async function readCrls(file: string): Promise<readonly Crl[]> {
  const bytes = await readBytes(file);
  const all =
    bytes[0] === DER_SEQUENCE ? [parseCrl(bytes)] : parsePemCrls(bytes.toString('latin1'));
  if (all.length === 0) throw new Complaint(`${file} holds no CRL in PEM or DER.`);
  return all.map((one) => {
    if (one.kind === 'crl') return one.value;
    throw new Complaint(`${file} holds a CRL that cannot be read: ${one.reason}.`);
  });
}
