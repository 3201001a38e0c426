import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loggedStep } from './logged-step.ts';

test('the log tells which door was tried and what came of it, and no local-part', () => {
  const came = { outcome: 'nothing', reason: 'no record', tookMs: 3 } as const;
  const cert = loggedStep({ door: 'cert', query: 'CERT alice.bravo.example (address)', ...came });
  assert.deepEqual(cert, { door: 'cert', asked: 'CERT', ...came });
  const url = 'http://certs.bravo.example/search.cgi?email=alice%40bravo.example';
  const http = loggedStep({ door: 'http-srv', query: `GET ${url}`, server: 'c:80', ...came });
  assert.deepEqual(http, { door: 'http-srv', asked: 'GET', server: 'c:80', ...came });
});
