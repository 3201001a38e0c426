/** Our engine and libcrypto do not say the same of one object. */
export interface Difference {
  readonly kind: 'verify' | 'decrypt';
  /** Who accepts it. */
  readonly who: 'ours' | 'theirs' | 'both';
  /** Why the one that refuses does so. */
  readonly reason: string;
  /** True if libcrypto takes the object written anew from what we read: then only the form differs. */
  readonly agreesInNormalForm: boolean;
  readonly seed: string;
  /** The object, in base64. */
  readonly bytes: string;
}

/** A difference that was looked at and is right as it is. */
export interface Rule {
  readonly id: string;
  readonly who: Exclude<Difference['who'], 'both'>;
  readonly kind: Difference['kind'] | 'any';
  readonly applies: (difference: Difference) => boolean;
  /** Why it may be so, for the reviewer. */
  readonly why: string;
}

const reasonIs =
  (pattern: RegExp) =>
  ({ reason }: Difference): boolean =>
    pattern.test(reason);

/** Every difference that may be. What is not here fails the run. */
export const RULES: readonly Rule[] = [
  {
    id: 'form-of-what-is-not-covered',
    who: 'ours',
    kind: 'any',
    applies: (difference) => difference.agreesInNormalForm,
    why:
      'Versions, certificates, CRLs, other recipientInfos and unsigned attributes are covered by ' +
      'no signature. libcrypto parses them all and gives up at one that it cannot read; we read ' +
      'what we use. Written anew from what we read, libcrypto accepts the object, with the same content.',
  },
  {
    id: 'signed-attributes-required',
    who: 'theirs',
    kind: 'verify',
    applies: reasonIs(/there are no signed attributes/),
    why: 'A signature over bare content could be shown as one over attributes (RFC 5652 section 12).',
  },
  {
    id: 'content-type-signed',
    who: 'theirs',
    kind: 'verify',
    applies: reasonIs(/the (signed )?content type is (not|malformed)/),
    why: 'RFC 5652 section 11.1: the contentType attribute must match eContentType; libcrypto does not compare.',
  },
  {
    id: 'content-once',
    who: 'theirs',
    kind: 'verify',
    applies: reasonIs(/^content twice$/),
    why: 'DS-V11: detached and embedded content at once is an error; libcrypto takes the detached one.',
  },
  {
    id: 'attributes-once',
    who: 'theirs',
    kind: 'verify',
    applies: reasonIs(/signed attribute [\d.]+ is (there twice|malformed or not signed)/),
    why: 'RFC 5652 section 11 and RFC 3183 section 3.1.2: once, with one value, readable, and signed.',
  },
  {
    id: 'message-digest-der',
    who: 'theirs',
    kind: 'verify',
    applies: reasonIs(/there is no signed message digest/),
    why: 'RFC 5652 section 5.4: signed attributes are DER; a digest in pieces is not.',
  },
  {
    id: 'signed-attributes-as-they-came',
    who: 'theirs',
    kind: 'verify',
    applies: reasonIs(/not made by the key of the certificate \(attributes are not DER\)/),
    why:
      'RFC 5652 section 5.4: what is signed is DER. libcrypto writes BER attributes anew before it ' +
      'verifies; we verify the octets that came.',
  },
  {
    id: 'algorithms-named',
    who: 'theirs',
    kind: 'verify',
    applies: reasonIs(
      /unverifiable: (digest|signature algorithm) [\d.]+ is not supported|do(es)? not fit|does not go with|which proves nothing|parameters are not supported/,
    ),
    why: 'libcrypto goes by the kind of the key and does not look at the signatureAlgorithm, unknown or of another kind (RFC 8419 section 3.1: Ed25519 goes with SHA-512 alone).',
  },
  {
    id: 'signer-by-its-exact-name',
    who: 'theirs',
    kind: 'verify',
    applies: reasonIs(/^no certificate$/),
    why:
      'We compare issuer names octet by octet and read no certificate that breaks RFC 5280; ' +
      'libcrypto folds case and space, and reads more.',
  },
  {
    id: 'recipient-not-readable',
    who: 'theirs',
    kind: 'decrypt',
    applies: reasonIs(/no recipientInfo that we can use/),
    why:
      'Legacy and unknown content or key algorithms, names that are not the same octet by octet, ' +
      'and a second recipientInfo of ours: the first that is ours decides, a second try would tell.',
  },
  {
    id: 'parameters-primitive',
    who: 'theirs',
    kind: 'decrypt',
    applies: reasonIs(/the content does not decrypt \(no iv\)/),
    why: 'An IV in pieces, or parameters of another shape: DER in every sender, refused by us.',
  },
  {
    id: 'gcm-tag-whole',
    who: 'theirs',
    kind: 'decrypt',
    applies: reasonIs(/the content does not decrypt \(tag length\)/),
    why:
      'RFC 5084 section 3.2: the tag is as long as aes-ICVlen says. OpenSSL 3.0 takes any prefix of ' +
      'it for the tag, so that a forger needs fewer tries; we do not.',
  },
  {
    id: 'legacy-off',
    who: 'theirs',
    kind: 'decrypt',
    applies: reasonIs(/the content does not decrypt \(legacy\)/),
    why: '3DES is worked out only where the policy says so; here it does not.',
  },
  {
    id: 'stricter-reader',
    who: 'theirs',
    kind: 'any',
    applies: reasonIs(
      /malformed: the CMS object is malformed: (INTEGER|OID|element is (primitive|missing)|piece is not|bad |expected|unexpected|tag number|length|primitive element|nested too deeply|low tag|ends inside)/,
    ),
    why:
      'Forms that X.690 forbids in BER too, or numbers out of any range. Two readers that guess ' +
      'about them may guess differently, so we refuse.',
  },
  {
    id: 'limits',
    who: 'theirs',
    kind: 'any',
    applies: reasonIs(/malformed: (too many|more than|the CMS object is too big)/),
    why: 'TM-7: libcrypto has no bounds.',
  },
];

/** The rule that explains a difference; null if none does. Different content is never explained. */
export function explain(difference: Difference, rules: readonly Rule[]): Rule | null {
  const { who, kind } = difference;
  if (who === 'both') return null;
  return (
    rules.find(
      (rule) =>
        rule.who === who && (rule.kind === 'any' || rule.kind === kind) && rule.applies(difference),
    ) ?? null
  );
}
