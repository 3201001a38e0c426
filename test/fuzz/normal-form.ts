import type {
  AuthEnvelopedDataView,
  EnvelopedDataView,
  SignedDataView,
  SignerInfoView,
} from '@sallyport/cms';
import { DerReader, der, OID, readOnly } from '@sallyport/der';
import type { UnwrapRequest } from '@sallyport/domsec';
import { readContent } from '@sallyport/mail';
import type { Certificate } from '@sallyport/pki';

/*
 * An object written anew from nothing but what our reader says it read, in plain DER. If libcrypto
 * accepts this where it refused the original, the two agree about everything that counts, and
 * differ only in how much of the rest they look at.
 */

const implicit = (tag: number, content: Buffer): Buffer =>
  der.tagged({ tagClass: 'context', tag, constructed: true }, content);
const implicitString = (tag: number, content: Buffer): Buffer =>
  der.tagged({ tagClass: 'context', tag, constructed: false }, content);

function contentInfo(oid: string, value: Buffer): Buffer {
  return der.sequence(der.oid(oid), der.explicit(0, value));
}

function integerOf(content: Buffer): Buffer {
  return der.tagged({ tagClass: 'universal', tag: 2, constructed: false }, content);
}

/** RFC 4055 section 3.1: one hash for everything, and the length of the salt. */
function pssParameters({ digestOid, signatureParameters }: SignerInfoView): Buffer {
  const reader = new DerReader(readOnly(signatureParameters ?? Buffer.alloc(0)));
  reader.optional('context', 0);
  reader.optional('context', 1);
  const salt = reader.optionalExplicit(2)?.smallInteger() ?? 20;
  const hash = der.sequence(der.oid(digestOid));
  return der.sequence(
    der.explicit(0, hash),
    der.explicit(1, der.sequence(der.oid(OID.mgf1), hash)),
    der.explicit(2, der.integer(salt)),
  );
}

function signerInfo(view: SignerInfoView): Buffer {
  const { sid, signedAttrs } = view;
  const isName = sid.kind === 'issuerAndSerial';
  const name = isName
    ? der.sequence(sid.issuer, integerOf(sid.serial))
    : implicitString(0, sid.subjectKeyId);
  const attributes = signedAttrs === null ? [] : [implicit(0, readOnly(signedAttrs).value)];
  // Only those of PSS say anything.
  const isPss = view.signatureOid === OID.rsassaPss && view.signatureParameters !== null;
  const parameters = isPss ? [pssParameters(view)] : [];
  return der.sequence(
    der.integer(isName ? 1 : 3),
    name,
    der.sequence(der.oid(view.digestOid)),
    ...attributes,
    der.sequence(der.oid(view.signatureOid), ...parameters),
    der.octetString(view.signature),
  );
}

/** A SignedData with the signers and the content, and nothing else. */
export async function normalSigned(view: SignedDataView): Promise<Buffer> {
  const content =
    view.eContent === null
      ? []
      : [der.explicit(0, der.octetString(await readContent(view.eContent)))];
  const digests = [...new Set(view.signerInfos.map((info) => info.digestOid))];
  return contentInfo(
    OID.signedData,
    der.sequence(
      der.integer(3),
      der.set(...digests.map((oid) => der.sequence(der.oid(oid)))),
      der.sequence(der.oid(view.eContentType), ...content),
      der.set(...view.signerInfos.map(signerInfo)),
    ),
  );
}

const HASHES: Readonly<Record<string, string>> = {
  sha1: OID.sha1,
  sha256: OID.sha256,
  sha384: OID.sha384,
  sha512: OID.sha512,
};
const KDFS: Readonly<Record<string, string>> = {
  sha1: '1.3.133.16.840.63.0.2',
  sha224: '1.3.132.1.11.0',
  sha256: '1.3.132.1.11.1',
  sha384: '1.3.132.1.11.2',
  sha512: '1.3.132.1.11.3',
};
const WRAPS: Readonly<Record<string, string>> = {
  aes128: OID.aes128Wrap,
  aes192: OID.aes192Wrap,
  aes256: OID.aes256Wrap,
};

function hashAlgorithm(name: string): Buffer {
  return der.sequence(der.oid(HASHES[name] ?? ''), der.null());
}

type Recipient = UnwrapRequest['recipient'];

function transport(recipient: Extract<Recipient, { kind: 'ktri' }>, rid: Buffer): Buffer {
  const { algorithm, encryptedKey } = recipient;
  const identifier =
    algorithm.kind === 'pkcs1v15'
      ? der.sequence(der.oid(OID.rsaEncryption), der.null())
      : der.sequence(
          der.oid(OID.rsaesOaep),
          der.sequence(
            der.explicit(0, hashAlgorithm(algorithm.hash)),
            der.explicit(1, der.sequence(der.oid(OID.mgf1), hashAlgorithm(algorithm.mgf1Hash))),
            der.explicit(
              2,
              der.sequence(der.oid(OID.pSpecified), der.octetString(algorithm.label)),
            ),
          ),
        );
  return der.sequence(der.integer(0), rid, identifier, der.octetString(encryptedKey));
}

/** Null for what OpenSSL 3.0 cannot do anyway. */
function agreement(recipient: Extract<Recipient, { kind: 'kari' }>, rid: Buffer): Buffer | null {
  const { curve, ukm, wrap, wrapParameters, encryptedKey, originatorPublicKey } = recipient;
  const kdf = recipient.kdf.kind === 'x963' ? KDFS[recipient.kdf.hash] : undefined;
  const wrapOid = WRAPS[wrap];
  if (!/^p\d/.test(curve) || kdf === undefined || wrapOid === undefined) return null;
  const parameters = wrapParameters === 'null' ? [der.null()] : [];
  const wrapping = der.sequence(der.oid(wrapOid), ...parameters);
  const key = [der.sequence(der.oid(OID.ecPublicKey)), der.bitString(originatorPublicKey)];
  const fields = [
    der.integer(3),
    der.explicit(0, implicit(1, Buffer.concat(key))),
    ...(ukm === null ? [] : [der.explicit(1, der.octetString(ukm))]),
    der.sequence(der.oid(kdf), wrapping),
    der.sequence(der.sequence(rid, der.octetString(encryptedKey))),
  ];
  return implicit(1, Buffer.concat(fields));
}

/** An envelope with the one recipientInfo that was used; null for algorithms OpenSSL 3.0 has not. */
export async function normalEnvelope(
  view: EnvelopedDataView | AuthEnvelopedDataView,
  { recipient }: UnwrapRequest,
  certificate: Certificate,
): Promise<Buffer | null> {
  const rid = der.sequence(certificate.issuer, integerOf(certificate.serial));
  const info =
    recipient.kind === 'ktri'
      ? transport(recipient, rid)
      : recipient.kind === 'kari'
        ? agreement(recipient, rid)
        : null;
  const { iv, oid, tagBytes } = view.contentEncryption;
  if (info === null || iv === null) return null;
  const isAuthenticated = 'mac' in view;
  const parameters = isAuthenticated
    ? der.sequence(der.octetString(iv), der.integer(tagBytes ?? 12))
    : der.octetString(iv);
  const content = der.sequence(
    der.oid(view.contentType),
    der.sequence(der.oid(oid), parameters),
    implicitString(0, await readContent(view.encryptedContent)),
  );
  const version = der.integer(isAuthenticated ? 0 : recipient.kind === 'kari' ? 2 : 0);
  const fields = [version, der.set(info), content];
  if (!isAuthenticated) return contentInfo(OID.envelopedData, der.sequence(...fields));
  const { authAttrs, mac } = view;
  const attributes = authAttrs === null ? [] : [implicit(1, readOnly(authAttrs).value)];
  const value = der.sequence(...fields, ...attributes, der.octetString(mac));
  return contentInfo(OID.authEnvelopedData, value);
}

/** True for a run of DER: what OpenSSL writes anew before it verifies, and we take as it came. */
export function isStrictDer(bytes: Buffer): boolean {
  try {
    const walk = (value: Buffer): void => {
      const reader = new DerReader(value, { strict: true });
      while (!reader.isAtEnd) {
        const tlv = reader.next();
        if (tlv.constructed) walk(tlv.value);
      }
    };
    walk(bytes);
    return true;
  } catch {
    return false;
  }
}
