import {
  describeLabel,
  labelsOf,
  type OpenedMessage,
  type SignedReceipt,
  type Verdict,
} from '@sallyport/domsec';
import { formatMailbox } from '@sallyport/mail';

const MAX_NAMED_FIELDS = 50;

/** What the message protects of its header (RFC 9788), and what of that was changed outside. */
export function describeProtection({ protectedHeader }: OpenedMessage): object {
  const { form, coverage, from, fields, changedOutside, faults } = protectedHeader;
  if (form === 'none' && faults.length === 0) return {};
  return {
    protectedHeader: {
      form,
      coverage,
      from:
        from === null
          ? null
          : {
              mailboxes: from.mailboxes.map(formatMailbox),
              malformed: from.malformed,
              matchesOuter: from.matchesOuter,
            },
      // Their names alone: what was confidential is no matter for a report.
      fields: fields.slice(0, MAX_NAMED_FIELDS).map(({ name, secrecy }) => ({ name, secrecy })),
      changedOutside: changedOutside.slice(0, MAX_NAMED_FIELDS),
      faults,
    },
  };
}

/** What verified signers say beside the signature (RFC 2634): labels, receipts, list history. */
export function describeLabels(message: OpenedMessage, verdict: Verdict): object {
  const { labels, warning } = labelsOf(message, verdict.layers);
  const requests = message.layers.flatMap((layer, index) =>
    layer.kind !== 'signed'
      ? []
      : layer.signers.flatMap(({ ess }, at) => {
          const report = verdict.layers[index];
          const isVerified = report?.kind === 'signed' && report.signers[at]?.state === 'valid';
          const lists = ess.mlExpansionHistory?.length ?? 0;
          const asks = ess.receiptRequest !== null;
          if (!asks && lists === 0 && ess.malformed.length === 0) return [];
          return [
            {
              layer: index,
              verified: isVerified,
              asksReceipt: asks,
              lists,
              malformed: ess.malformed,
            },
          ];
        }),
  );
  return {
    ...(labels.length === 0 && warning === null
      ? {}
      : {
          labels: labels.map(({ label, layer, meaning }) => ({
            layer,
            meaning,
            ...describeLabel(label),
          })),
          labelWarning: warning,
        }),
    ...(requests.length === 0 ? {} : { essAttributes: requests }),
  };
}

/** A signed receipt (RFC 2634 section 2.8) that the message is: what it is about, and who signed it. */
export function describeReceipt(receipt: SignedReceipt | null): object {
  if (receipt === null) return {};
  const { about, layer } = receipt;
  return {
    receipt: {
      contentIdentifier: about?.contentIdentifier.toString('base64') ?? null,
      contentType: about?.contentType ?? null,
      // The signature is checked; whether its signer is trusted nobody has asked.
      signers: layer.signers.map(({ certificate, check }) => ({
        name: certificate?.rfc822Names[0] ?? certificate?.commonNames[0] ?? 'unknown',
        check: check.kind,
      })),
    },
  };
}
