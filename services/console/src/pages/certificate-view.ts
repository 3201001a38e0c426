import type { DescribedList, Trusted } from '../desk/look.ts';
import { type Html, type HtmlValue, html } from '../html.ts';
import type { Catalogue } from '../texts/en.ts';
import { copyBlock, facts, notice, time } from './parts.ts';

type Certificate = Trusted['path'][number]['certificate'];

/** Every field of a certificate, folded under its subject. Its words are a stranger's. */
export function certificateView(
  certificate: Certificate,
  text: Catalogue,
  more: { readonly title?: string; readonly revocation?: string; readonly isOpen?: boolean } = {},
): Html {
  const words = text.partners.certificate;
  const { title, revocation, isOpen = false } = more;
  const rows = facts([
    [words.subject, value(certificate.subject)],
    [words.issuer, value(certificate.issuer)],
    [words.serial, html`<code class="hash">${certificate.serial}</code>`],
    [words.validity, html`${time(certificate.notBefore)} – ${time(certificate.notAfter)}`],
    [words.roles, listed(certificate.roles, words.noRole)],
    [words.addresses, listed(certificate.addresses, text.parts.none)],
    [
      words.names,
      listed(
        [...certificate.dnsNames, ...certificate.ipAddresses, ...certificate.otherNames],
        text.parts.none,
      ),
    ],
    [words.key, certificate.isKeyAccepted ? certificate.key : words.keyRefused(certificate.key)],
    [words.algorithm, certificate.signatureAlgorithm],
    [words.usage, listed(certificate.keyUsage, words.any)],
    [words.extendedUsage, listed(certificate.extendedKeyUsage, words.any)],
    [words.basic, words.basicText(certificate.isCa, certificate.pathLength)],
    ...(certificate.policies === null
      ? []
      : [[words.policies, listed(certificate.policies, text.parts.none)] as const]),
    ...(certificate.hasNameConstraints
      ? [[words.constraints, words.constraintsText] as const]
      : []),
    ...optional(words.crl, certificate.crlPlaces),
    ...optional(words.ocsp, certificate.ocspPlaces),
    ...optional(words.faults, certificate.faults),
    ...(revocation === undefined ? [] : [[words.revocation, revocation] as const]),
    [words.subjectKeyId, hash(certificate.subjectKeyId, text)],
    [words.authorityKeyId, hash(certificate.authorityKeyId, text)],
    [words.sha256, hash(certificate.sha256, text)],
    [words.sha1, hash(certificate.sha1, text)],
    [words.spki, hash(certificate.spkiSha256, text)],
  ]);
  const head = html`${title === undefined ? null : html`<strong>${title}</strong> `}${certificate.subject}`;
  return html`<details class="certificate"${isOpen ? html` open` : null}><summary>${head} <span class="quiet"><code>${certificate.sha256.slice(0, 16)}</code> ${time(certificate.notAfter)}</span></summary>${rows}<h4>${words.pem}</h4>${copyBlock(certificate.pem, text)}</details>`;
}

/** Certificates that were described, each with its fields, or why it cannot be read. */
export function describedViews(described: DescribedList | null, text: Catalogue): HtmlValue {
  const { malformed, certificatesAway, certificatesLeft } = text.partners;
  if (described === null) return notice('warn', certificatesAway);
  const { certificates, left } = described;
  const shown = certificates.map((one) =>
    one.kind === 'certificate'
      ? certificateView(one.value, text)
      : html`<p>${malformed(one.reason)}</p>`,
  );
  return [...shown, left === 0 ? null : notice('warn', certificatesLeft(left))];
}

function value(words: string): Html {
  return html`<span class="value">${words}</span>`;
}

function hash(digits: string | null, text: Catalogue): HtmlValue {
  return digits === null ? text.parts.none : html`<code class="hash">${digits}</code>`;
}

function listed(values: readonly string[] | null, empty: string): HtmlValue {
  if (values === null || values.length === 0) return empty;
  return values.length === 1
    ? value(values[0] ?? '')
    : html`<ul class="values">${values.map((one) => html`<li>${one}</li>`)}</ul>`;
}

function optional(name: string, values: readonly string[]): (readonly [string, HtmlValue])[] {
  return values.length === 0 ? [] : [[name, listed(values, '')]];
}
