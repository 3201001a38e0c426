import type { Certificate } from '@sallyport/pki';
import {
  type ContentCipher,
  cipherText,
  type KeyTransport,
  keyTransportText,
  meetsFloor,
} from './algorithms.ts';
import type { OutboundPolicy } from './schema.ts';

/** What somebody announces that it can read (RFC 8551 section 2.5.2), in its order of preference. */
export interface Announcement {
  /** Of what we write. */
  readonly content: readonly ContentCipher[];
  /** True if it names any content encryption, be it one that we never write. */
  readonly namesContent: boolean;
  readonly keyTransport: readonly KeyTransport[];
}

export interface CapabilityFacts {
  /** By those who may speak for the recipient, in verified messages; the newest first. */
  readonly announced: readonly Announcement[];
  /** By the recipient's certificate (RFC 4262); null if it says nothing. */
  readonly certificate: Announcement | null;
}

/** What decided: the rule, signed messages of the recipient, its certificate, or our default. */
export type ChoiceSource = 'policy' | 'capabilities' | 'certificate' | 'default';

export type AlgorithmChoice =
  | {
      readonly kind: 'chosen';
      readonly content: ContentCipher;
      readonly contentSource: ChoiceSource;
      readonly keyTransport: KeyTransport;
      readonly keyTransportSource: ChoiceSource;
      /** `AES-256-GCM (…) and ECDH (…)`: what, and who decided it. */
      readonly sentence: string;
    }
  /** Nothing that the recipient announces is good enough. */
  | { readonly kind: 'below-floor'; readonly reason: string }
  /** The rule and the key of the certificate do not go together. */
  | { readonly kind: 'key-unusable'; readonly reason: string };

interface Chosen<T> {
  readonly kind: 'chosen';
  readonly value: T;
  readonly source: ChoiceSource;
  readonly why: string;
}

const NOTHING_KNOWN: CapabilityFacts = { announced: [], certificate: null };

/**
 * Chooses how to encrypt for one certificate (RFC 8551 section 2.7.1): by the rule where it names
 * an algorithm, else by what the recipient announced in signed messages, else by its certificate,
 * else the default. Pure and total; never weaker than the floor of the rule.
 */
export function chooseAlgorithms(
  outbound: OutboundPolicy,
  certificate: Pick<Certificate, 'checkKey'>,
  capabilities: CapabilityFacts = NOTHING_KNOWN,
): AlgorithmChoice {
  const keyTransport = chooseKeyTransport(outbound, keyKindOf(certificate), capabilities);
  if (keyTransport.kind !== 'chosen') return keyTransport;
  const content = chooseContent(outbound, capabilities);
  if (content.kind !== 'chosen') return content;
  return {
    kind: 'chosen',
    content: content.value,
    contentSource: content.source,
    keyTransport: keyTransport.value,
    keyTransportSource: keyTransport.source,
    sentence: `${cipherText(content.value)} (${content.why}) and ${keyTransportText(keyTransport.value)} (${keyTransport.why})`,
  };
}

type ContentChoice = Chosen<ContentCipher> | Extract<AlgorithmChoice, { kind: 'below-floor' }>;

function chooseContent(outbound: OutboundPolicy, facts: CapabilityFacts): ContentChoice {
  const { content, floor } = outbound;
  if (content !== 'auto') {
    if (!meetsFloor(content, floor)) return belowFloor('the rule names', floor);
    return { kind: 'chosen', value: content, source: 'policy', why: 'the rule names it' };
  }
  const [newest, ...others] = facts.announced.filter((one) => one.namesContent);
  if (newest !== undefined) {
    const usable = newest.content.filter((cipher) => meetsFloor(cipher, floor));
    if (usable.length === 0) return belowFloor("the partner's signed messages announce", floor);
    const value = usable.find((cipher) => others.every((one) => one.content.includes(cipher)));
    if (value !== undefined) {
      const why = "the partner's signed messages announce it";
      return { kind: 'chosen', value, source: 'capabilities', why };
    }
    return defaultContent(outbound, 'the default: what the partner announces contradicts itself');
  }
  if (facts.certificate?.namesContent === true) {
    const value = facts.certificate.content.find((cipher) => meetsFloor(cipher, floor));
    if (value === undefined) return belowFloor('the certificate announces', floor);
    return { kind: 'chosen', value, source: 'certificate', why: 'the certificate announces it' };
  }
  return defaultContent(outbound, 'the default where nothing is announced');
}

function belowFloor(
  who: string,
  floor: ContentCipher,
): Extract<AlgorithmChoice, { kind: 'below-floor' }> {
  return {
    kind: 'below-floor',
    reason: `${who} no content encryption as strong as ${cipherText(floor)}`,
  };
}

/**
 * RFC 8551 section 2.7.1.2 wants AES-256-GCM for recipients of whom nothing is known. Clients in
 * use cannot read it, so it is taken only where the rule says so or its floor demands integrity.
 */
const DEFAULT_CONTENT = ['aes256-cbc', 'aes256-gcm'] as const;

function defaultContent(outbound: OutboundPolicy, why: string): Chosen<ContentCipher> {
  const { floor, contentWhenUnknown } = outbound;
  const wanted = contentWhenUnknown === undefined ? [] : [contentWhenUnknown];
  const value = [...wanted, ...DEFAULT_CONTENT].find((cipher) => meetsFloor(cipher, floor));
  return { kind: 'chosen', value: value ?? 'aes256-gcm', source: 'default', why };
}

type KeyKind = 'rsa' | 'ec' | 'x25519' | 'ml-kem';

const KEY_TEXT: Readonly<Record<KeyKind, string>> = {
  rsa: 'an RSA key',
  ec: 'an EC key',
  x25519: 'an X25519 key',
  'ml-kem': 'an ML-KEM key',
};

/** The first is the default. RFC 3370 section 4.2.1 is what every client in use reads. */
const FITTING: Readonly<Record<KeyKind, readonly KeyTransport[]>> = {
  rsa: ['rsa-pkcs1v15', 'rsa-oaep'],
  ec: ['ecdh'],
  x25519: ['ecdh'],
  'ml-kem': ['ml-kem'],
};

const NIST_CURVES: ReadonlySet<string> = new Set(['prime256v1', 'secp384r1', 'secp521r1']);

/** What can be encrypted to; null if this key cannot. ML-KEM-512 is read and never written. */
function keyKindOf(certificate: Pick<Certificate, 'checkKey'>): KeyKind | null {
  const check = certificate.checkKey();
  if (check.kind !== 'ok') return null;
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = check.key;
  if (type === 'rsa' || type === 'x25519') return type;
  if (type === 'ec') return NIST_CURVES.has(details?.namedCurve ?? '') ? 'ec' : null;
  return type === 'ml-kem-768' || type === 'ml-kem-1024' ? 'ml-kem' : null;
}

type KeyTransportChoice = Chosen<KeyTransport> | Extract<AlgorithmChoice, { kind: 'key-unusable' }>;

function chooseKeyTransport(
  { keyTransport }: OutboundPolicy,
  key: KeyKind | null,
  facts: CapabilityFacts,
): KeyTransportChoice {
  if (key === null) {
    return { kind: 'key-unusable', reason: 'the key of the certificate is of no kind that we use' };
  }
  const fitting = FITTING[key];
  if (keyTransport !== 'auto') {
    if (fitting.includes(keyTransport)) {
      return { kind: 'chosen', value: keyTransport, source: 'policy', why: 'the rule names it' };
    }
    const wanted = keyTransportText(keyTransport);
    return {
      kind: 'key-unusable',
      reason: `the rule demands ${wanted} and the certificate has ${KEY_TEXT[key]}`,
    };
  }
  if (key === 'ml-kem') {
    const reason = 'the certificate has an ML-KEM key and the rule does not name ml-kem';
    return { kind: 'key-unusable', reason };
  }
  return announcedKeyTransport(fitting, facts) ?? defaultKeyTransport(key);
}

/** What does not fit the key says nothing: a signer's list may speak of other keys of its owner. */
function announcedKeyTransport(
  fitting: readonly KeyTransport[],
  facts: CapabilityFacts,
): Chosen<KeyTransport> | null {
  if (fitting.length === 1) return null;
  const lists = facts.announced
    .map((one) => one.keyTransport.filter((name) => fitting.includes(name)))
    .filter((list) => list.length > 0);
  const [newest, ...others] = lists;
  if (newest !== undefined) {
    const value = newest.find((name) => others.every((list) => list.includes(name)));
    if (value === undefined) return null;
    const why = "the partner's signed messages announce it";
    return { kind: 'chosen', value, source: 'capabilities', why };
  }
  const value = facts.certificate?.keyTransport.find((name) => fitting.includes(name));
  if (value === undefined) return null;
  return { kind: 'chosen', value, source: 'certificate', why: 'the certificate announces it' };
}

function defaultKeyTransport(key: Exclude<KeyKind, 'ml-kem'>): Chosen<KeyTransport> {
  if (key === 'rsa') {
    const why = 'the default for RSA keys';
    return { kind: 'chosen', value: 'rsa-pkcs1v15', source: 'default', why };
  }
  const why = `the certificate has ${KEY_TEXT[key]}`;
  return { kind: 'chosen', value: 'ecdh', source: 'certificate', why };
}
