import { isIP } from 'node:net';
import { isPublicAddress } from '../address.ts';

const MAX_URL_CHARACTERS = 2_048;
const VISIBLE_ASCII = /^[\x21-\x7e]+$/;
/** The well-known ports of other protocols must not be spoken to in HTTP; registered ones may serve it. */
const FIRST_REGISTERED_PORT = 1_024;

/** Who is connected to for a URL, and by which name it must show itself. */
export interface HttpTarget {
  readonly url: URL;
  readonly overTls: boolean;
  /** Host of the URL without brackets or trailing dot. */
  readonly host: string;
  /** What to look up and connect to: the URL's own host, or where SRV leads. */
  readonly name: string;
  readonly port: number;
}

export interface HttpPlace {
  readonly url: string;
  /** From SRV: connect there, but name the host of the URL in TLS and in Host. */
  readonly connectTo?: { readonly name: string; readonly port: number };
}

type TargetCheck =
  | { readonly kind: 'target'; readonly target: HttpTarget }
  | { readonly kind: 'refused'; readonly reason: string };

/** What may be fetched at all: the URL comes out of a stranger's certificate or record. */
export function checkTarget(place: HttpPlace, ports: PrivateAddresses): TargetCheck {
  const tooLong = place.url.length > MAX_URL_CHARACTERS;
  // The URL parser drops tabs and line ends without a word.
  const url = tooLong || !VISIBLE_ASCII.test(place.url) ? null : URL.parse(place.url);
  if (url === null) return { kind: 'refused', reason: 'it is no URL, or too long a one' };
  const target = targetOf(url, place);
  const reason = whyRefused(target, ports);
  return reason === null ? { kind: 'target', target } : { kind: 'refused', reason };
}

function targetOf(url: URL, { connectTo }: HttpPlace): HttpTarget {
  const overTls = url.protocol === 'https:';
  const host = bareHost(url.hostname);
  const standard = overTls ? 443 : 80;
  const own = { name: host, port: url.port === '' ? standard : Number(url.port) };
  const { name, port } = connectTo ?? own;
  return { url, overTls, host, name: bareHost(name), port };
}

function whyRefused(target: HttpTarget, ports: PrivateAddresses): string | null {
  const { url, host, name, port } = target;
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    return `the scheme ${url.protocol} is not fetched`;
  }
  if (url.username !== '' || url.password !== '') return 'the URL has a user part';
  if (name === '') return 'the URL has no host';
  if (port !== 80 && port !== 443 && !(port >= FIRST_REGISTERED_PORT && port < 65_536)) {
    return `port ${port} is not one for HTTP`;
  }
  // TLS would be verified for the address that is connected to, which is not the one named.
  if (isIP(host) !== 0 && host !== name) return 'an address cannot be served by another host';
  const isHidden = isIP(name) !== 0 && !ports.allowPrivateAddresses && !isPublicAddress(name);
  return isHidden ? 'its address is not public' : null;
}

interface PrivateAddresses {
  readonly allowPrivateAddresses: boolean;
}

function bareHost(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
}
