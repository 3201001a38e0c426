import assert from 'node:assert/strict';
import {
  type Certificate,
  parseCertificate,
  type ValidatedCertificate,
  validatePath,
} from '@sallyport/pki';

/** A certificate that a test made; fails the test if it is none. */
export function certificateOf(der: Buffer): Certificate {
  const parsed = parseCertificate(der);
  assert.ok(parsed.kind === 'certificate', parsed.kind === 'malformed' ? parsed.reason : '');
  return parsed.value;
}

/** A certificate to encrypt to, right below its anchor. */
export function validated(
  leaf: Certificate,
  anchor: Certificate,
  time: Date,
): ValidatedCertificate {
  const found = validatePath({
    leaf,
    intermediates: [],
    anchors: [anchor],
    time,
    purpose: 'email-encrypt',
  });
  assert.ok(found.kind === 'valid', found.kind === 'invalid' ? found.reason : '');
  return found.certificate;
}
