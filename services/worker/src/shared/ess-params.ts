import type { EssAttribute } from '@sallyport/domsec';
import type { SignedAttribute } from '@sallyport/ipc';
import { never } from '@sallyport/mail';

type History = Extract<SignedAttribute, { kind: 'ml-expansion-history' }>;
type Entry = History['entries'][number];
type Expansion = Extract<EssAttribute, { kind: 'ml-expansion-history' }>['entries'][number];

/** An attribute in the closed words of the keyholder, which encodes it by itself. */
export function essParams(attribute: EssAttribute): SignedAttribute {
  switch (attribute.kind) {
    case 'security-label':
      return { kind: attribute.kind, label: { ...attribute.label } };
    case 'equivalent-labels':
      return { kind: attribute.kind, labels: attribute.labels.map((label) => ({ ...label })) };
    case 'receipt-request': {
      const { kind, contentIdentifier, from, to } = attribute;
      return {
        kind,
        contentIdentifier: contentIdentifier.toString('base64'),
        from: typeof from === 'string' ? from : [...from],
        to: [...to],
      };
    }
    case 'content-hint':
      return { ...attribute };
    case 'ml-expansion-history':
      return { kind: attribute.kind, entries: attribute.entries.map(entryOf) };
    default:
      return never(attribute);
  }
}

function entryOf({ list, time, receiptPolicy }: Expansion): Entry {
  return {
    listIdentifier:
      list.kind === 'subjectKeyId'
        ? list.subjectKeyId.toString('base64')
        : { issuer: list.issuer.toString('base64'), serial: list.serial.toString('base64') },
    expansionTime: time.toISOString(),
    receiptPolicy: policyOf(receiptPolicy),
  };
}

function policyOf(policy: Expansion['receiptPolicy']): Entry['receiptPolicy'] {
  if (policy === null) return null;
  if (policy.kind === 'none') return 'none';
  return { kind: policy.kind, to: policy.to.flat() };
}
