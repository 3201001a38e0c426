import { timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';

const SAFE = ['GET', 'HEAD', 'OPTIONS'];

/**
 * True for a request that would change something and that a page of another site may have sent.
 * Browsers say where a request comes from; one that says nothing is no browser we let change things.
 */
export function isCrossSite(request: FastifyRequest, ownOrigin: string): boolean {
  if (SAFE.includes(request.method)) return false;
  const site = request.headers['sec-fetch-site'];
  const { origin } = request.headers;
  // With `referrer-policy: no-referrer` forms of our own pages say `Origin: null`.
  if (origin !== undefined && origin !== 'null' && origin !== ownOrigin) return true;
  return site === undefined ? origin !== ownOrigin : site !== 'same-origin';
}

/** True if the form or the header `x-csrf` carries the token of the session. */
export function hasToken(request: FastifyRequest, token: string): boolean {
  const header = request.headers['x-csrf'];
  const given = typeof header === 'string' ? header : fieldOf(request.body, 'csrf');
  const [a, b] = [Buffer.from(given), Buffer.from(token)];
  return a.length === b.length && timingSafeEqual(a, b);
}

/** A field of a form or of a JSON body; empty if there is none or it is no text. */
export function fieldOf(body: unknown, name: string): string {
  const [value = '', ...others] = fieldsOf(body, name);
  return others.length === 0 ? value : '';
}

/** All values of a field that may stand several times. */
export function fieldsOf(body: unknown, name: string): readonly string[] {
  if (typeof body !== 'object' || body === null) return [];
  const value: unknown = Object.entries(body).find(([key]) => key === name)?.[1];
  return [value].flat().filter((one) => typeof one === 'string');
}

/** An address of our own to go on to: anything else is the first page. */
export function ownAddress(text: string | null | undefined): string {
  const isOwn =
    text !== null && text !== undefined && /^\/(?![/\\])[\x21-\x7e]{0,2000}$/.test(text);
  return isOwn ? text : '/';
}
