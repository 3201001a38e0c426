import assert from 'node:assert/strict';
import { test } from 'node:test';
import { en } from '../texts/en.ts';
import { type Frame, frame } from './shell.ts';

test('a page says that the log is still being read, as long as it is', () => {
  const of: Frame = {
    title: 'Now',
    body: '',
    actor: null,
    csrf: null,
    path: '/',
    back: '/',
    notice: null,
    isIndexBehind: true,
    theme: 'auto',
    gatewayName: 'gw.acme.example',
    asset: (name) => name,
    text: en,
  };
  assert.ok(frame(of).toString().includes(en.shell.indexBehind));
  assert.ok(
    !frame({ ...of, isIndexBehind: false })
      .toString()
      .includes(en.shell.indexBehind),
  );
});
