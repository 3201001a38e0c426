import { type CertificateReference, type RecipientInfoView, readCms } from '@sallyport/cms';
import type { Layer, LayerReport, OpenedMessage, Verdict } from '@sallyport/domsec';
import { never } from '@sallyport/mail';
import { decodeBody, type Entity } from '@sallyport/mime';
import { type Certificate, formatName } from '@sallyport/pki';
import { LIMITS } from './limits.ts';

/** Each layer of the verdict, from the outside, with the certificates and recipients behind it. */
export async function describeLayers(message: OpenedMessage, verdict: Verdict): Promise<object[]> {
  const described: object[] = [];
  for (const [index, layer] of message.layers.entries()) {
    const report = verdict.layers[index];
    if (report !== undefined) described.push(await describeLayer(layer, report));
  }
  return described;
}

async function describeLayer(layer: Layer, report: LayerReport): Promise<object> {
  if (report.kind === 'signed' && layer.kind === 'signed') {
    const signers = report.signers.map((signer, index) => {
      const certificate = layer.signers[index]?.certificate ?? null;
      return { ...signer, certificate: certificate === null ? null : describe(certificate) };
    });
    return { ...report, signers };
  }
  if (report.kind === 'encrypted') {
    return { ...report, recipients: await recipientsOf(layer.outside) };
  }
  return report;
}

function describe(certificate: Certificate): object {
  return {
    subject: formatName(certificate.subjectName),
    issuer: formatName(certificate.issuerName),
    serial: certificate.serial.toString('hex'),
    addresses: certificate.rfc822Names,
    notBefore: certificate.notBefore.toISOString(),
    notAfter: certificate.notAfter.toISOString(),
  };
}

/** Whom the envelope is for, as far as it says. */
async function recipientsOf(entity: Entity): Promise<object[]> {
  const cms = await readCms(await decodeBody(entity), LIMITS.cms);
  if (cms.kind !== 'enveloped' && cms.kind !== 'auth-enveloped') return [];
  return cms.value.recipients.flatMap(describeRecipient);
}

function describeRecipient(view: RecipientInfoView): object[] {
  switch (view.kind) {
    case 'ktri': {
      const { algorithm } = view;
      const keyTransport = {
        pkcs1v15: 'rsa-pkcs1v15',
        oaep: 'rsa-oaep',
        unsupported: 'unsupported',
      }[algorithm.kind];
      return [{ kind: 'ktri', keyTransport, ...describeReference(view.rid) }];
    }
    case 'kari':
      return view.recipients.map(({ rid }) => ({
        kind: 'kari',
        keyTransport: 'ecdh',
        curve: view.curve,
        ...describeReference(rid),
      }));
    case 'unsupported':
      return [{ kind: 'unsupported' }];
    default:
      return never(view);
  }
}

function describeReference(rid: CertificateReference): object {
  return rid.kind === 'subjectKeyId'
    ? { subjectKeyId: rid.subjectKeyId.toString('hex') }
    : { serial: rid.serial.toString('hex') };
}
