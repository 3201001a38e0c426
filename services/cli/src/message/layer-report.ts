import {
  type CertificateReference,
  formatCapability,
  type RecipientInfoView,
  readCms,
} from '@sallyport/cms';
import type { Layer, LayerReport, OpenedMessage, Verdict } from '@sallyport/domsec';
import { MESSAGE_LIMITS } from '@sallyport/domsec';
import { never } from '@sallyport/mail';
import { decodeBody, type Entity } from '@sallyport/mime';
import { type Certificate, formatName } from '@sallyport/pki';

/** Each layer of the verdict, from the outside, with the certificates and recipients behind it. */
export async function describeLayers(
  message: OpenedMessage,
  verdict: Verdict,
): Promise<DescribedLayer[]> {
  const described: DescribedLayer[] = [];
  for (const [index, layer] of message.layers.entries()) {
    const report = verdict.layers[index];
    if (report !== undefined) described.push(await describeLayer(layer, report));
  }
  return described;
}

/** Every name that does not fit, of every signer, with the layer it signed. */
export function mismatchesOf(verdict: Verdict): object[] {
  return verdict.layers.flatMap((layer, index) =>
    layer.kind !== 'signed'
      ? []
      : layer.signers
          .filter((signer) => signer.mapping === 'mismatch')
          .map((signer) => ({ layer: index, signer: signer.name, reason: signer.mismatch })),
  );
}

/** Every algorithm that some layer uses, in the order of the layers. */
export function algorithmsOf(layers: readonly DescribedLayer[]): readonly string[] {
  return [...new Set(layers.flatMap((layer) => layer.algorithms))];
}

/** A layer of the result, with the algorithms it uses. */
export type DescribedLayer = LayerReport & {
  readonly algorithms: readonly string[];
  readonly recipients?: readonly RecipientReport[];
};

interface RecipientReport {
  readonly kind: string;
  readonly keyTransport: string;
}

async function describeLayer(layer: Layer, report: LayerReport): Promise<DescribedLayer> {
  if (report.kind === 'signed' && layer.kind === 'signed') {
    const signers = report.signers.map((signer, index) => {
      const { certificate = null, capabilities = null } = layer.signers[index] ?? {};
      return {
        ...signer,
        certificate: certificate === null ? null : describe(certificate),
        // What it says it can read, in its order of preference (RFC 8551 section 2.5.2).
        capabilities: capabilities?.map(formatCapability) ?? null,
      };
    });
    const algorithms = report.signers.flatMap((signer) => [
      signer.digestAlgorithm,
      signer.signatureAlgorithm,
    ]);
    return { ...report, signers, algorithms };
  }
  if (report.kind === 'encrypted') {
    const recipients = await recipientsOf(layer.outside);
    const algorithms = [report.algorithm, ...recipients.map(({ keyTransport }) => keyTransport)];
    return { ...report, recipients, algorithms };
  }
  return { ...report, algorithms: [] };
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
async function recipientsOf(entity: Entity): Promise<RecipientReport[]> {
  const cms = await readCms(await decodeBody(entity), MESSAGE_LIMITS.cms);
  if (cms.kind !== 'enveloped' && cms.kind !== 'auth-enveloped') return [];
  return cms.value.recipients.flatMap(describeRecipient);
}

function describeRecipient(view: RecipientInfoView): RecipientReport[] {
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
    case 'kemri':
      return [{ kind: 'kemri', keyTransport: view.set, ...describeReference(view.rid) }];
    case 'unsupported':
      return [{ kind: 'unsupported', keyTransport: 'unsupported' }];
    default:
      return never(view);
  }
}

function describeReference(rid: CertificateReference): object {
  return rid.kind === 'subjectKeyId'
    ? { subjectKeyId: rid.subjectKeyId.toString('hex') }
    : { serial: rid.serial.toString('hex') };
}
