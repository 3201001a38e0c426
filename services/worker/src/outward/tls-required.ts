import { type Entity, fieldValues } from '@sallyport/mime';
import type { QueueFileHeader } from '@sallyport/spool';

/**
 * Tags a message for egress, which sees it only when it is protected (RFC 8689 section 4.1): the
 * author's `TLS-Required: No` counts where it is there once and the client did not ask for REQUIRETLS.
 */
export function withTlsRequired(header: QueueFileHeader, root: Entity): QueueFileHeader {
  const values = fieldValues(root, 'tls-required');
  const [value] = values;
  if (header.requireTls || values.length !== 1 || value?.trim().toLowerCase() !== 'no')
    return header;
  return { ...header, extra: { ...header.extra, tlsRequired: 'no' } };
}
