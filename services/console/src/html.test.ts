import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Html, html } from './html.ts';

test('every value is text: in an element, in an attribute, in a list, in markup of ours', () => {
  const hostile = `<script>alert("1")</script>'&`;
  const text = '&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&#39;&amp;';
  assert.equal(String(html`<p>${hostile}</p>`), `<p>${text}</p>`);
  assert.equal(String(html`<p title="${hostile}"></p>`), `<p title="${text}"></p>`);
  assert.equal(String(html`<p>${[hostile, hostile]}</p>`), `<p>${text}${text}</p>`);
  assert.equal(String(html`<ul>${[html`<li>${hostile}</li>`]}</ul>`), `<ul><li>${text}</li></ul>`);
});

test('markup of ours is not escaped a second time', () => {
  assert.equal(String(html`<p>${html`<b>${'a&b'}</b>`}</p>`), '<p><b>a&amp;b</b></p>');
});

test('null and undefined are nothing, numbers are themselves', () => {
  assert.equal(String(html`a${null}b${undefined}c${[null, 0, 1.5]}`), 'abc01.5');
});

test('nothing that only looks like markup of ours is taken for it', () => {
  const forged = Object.create(Html.prototype) as Html;
  assert.throws(() => html`${forged}`, TypeError);
  const lookalike = { toString: () => '<script>' } as unknown as string;
  assert.throws(() => html`${lookalike}`, TypeError);
});

test('characters that turn the direction of text are shown, and turn nothing', () => {
  const turned = `gpj\u202e\u2066exe\u200f\u061c`;
  const shown = String(html`${turned}`);
  assert.equal(shown, 'gpj\ufffd\ufffdexe\ufffd\ufffd');
});

test('control characters are shown; tab and line ends stay', () => {
  assert.equal(
    String(html`${'a\0b\x1b[2J\x7f\u0085\t\n\r'}`),
    'a\ufffdb\ufffd[2J\ufffd\ufffd\t\n\r',
  );
});

test('what no other text has is kept: other scripts, emoji, joiners', () => {
  const text = 'Grüße, 你好, שלום, 👩‍💻';
  assert.equal(String(html`${text}`), text);
});
