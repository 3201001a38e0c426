/** Every page and every route of the API, tried by every role and by nobody. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Permission, permissionsOf, ROLES, type Role } from '@sallyport/accounts';
import { apiRoutes } from './api/index.ts';
import { API_ROOT } from './api/serve-api.ts';
import { pages } from './pages/index.ts';
import { CSRF, type TestConsole, testConsole } from './testing.ts';

/** All that an auditor may send: it changes nothing, and answers with what there is. */
const ORDERS_OF_AUDITORS = [
  '/audit/export',
  `${API_ROOT}/audit/export`,
  // Says what stands in the certificates that are sent.
  `${API_ROOT}/certificates/describe`,
];

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

interface Door {
  readonly method: Method;
  readonly url: string;
  readonly permission: Permission | 'signed-in';
}

/** Addresses with something in place of each name; nothing is there under it. */
function addressOf(path: string): string {
  return path.replace(/:\w+/g, '1');
}

const pageDoors: readonly Door[] = pages.map(({ method, path, permission }) => ({
  method,
  url: addressOf(path),
  permission,
}));
const apiDoors: readonly Door[] = apiRoutes.map(({ method, path, permission }) => ({
  method,
  url: `${API_ROOT}${addressOf(path)}`,
  permission,
}));

function isAllowed(role: Role, permission: Door['permission']): boolean {
  return permission === 'signed-in' || permissionsOf([role]).has(permission);
}

describe('who may do what', () => {
  let world: TestConsole;
  before(async () => {
    world = await testConsole();
  });
  after(async () => await world[Symbol.asyncDispose]());

  const askPage = async ({ method, url }: Door, as: Role | null) =>
    await world.ask({ as, method, url, ...(method === 'GET' ? {} : { form: {} }) });
  const askApi = async ({ method, url }: Door, as: Role | null) =>
    await world.ask({
      as,
      method,
      url,
      headers: { 'x-csrf': CSRF },
      ...(method === 'GET' ? {} : { json: {} }),
    });

  test('there are pages and routes to try', () => {
    assert.ok(pageDoors.length > 10 && apiDoors.length > 10);
  });

  for (const role of ROLES) {
    test(`pages: ${role} gets what the role includes, and nothing else`, async () => {
      for (const door of pageDoors) {
        const { statusCode } = await askPage(door, role);
        const what = `${door.method} ${door.url}: ${statusCode}`;
        assert.equal(statusCode === 403, !isAllowed(role, door.permission), what);
        assert.notEqual(statusCode, 500, what);
      }
    });

    test(`API: ${role} gets what the role includes, and nothing else`, async () => {
      for (const door of apiDoors) {
        const { statusCode, payload } = await askApi(door, role);
        const what = `${door.method} ${door.url}: ${statusCode}`;
        const isRefused = statusCode === 403 && payload.includes('/problems/not-allowed');
        assert.equal(isRefused, !isAllowed(role, door.permission), what);
        assert.notEqual(statusCode, 500, what);
        assert.notEqual(statusCode, 401, what);
      }
    });
  }

  test('nobody gets no page', async () => {
    for (const door of pageDoors) {
      const { statusCode, headers } = await askPage(door, null);
      assert.equal(statusCode, 303, door.url);
      assert.match(String(headers.location), /^\/sign-in/);
    }
  });

  test('nobody gets nothing of the API', async () => {
    for (const door of apiDoors) {
      assert.equal((await askApi(door, null)).statusCode, 401, `${door.method} ${door.url}`);
    }
  });

  test('an order without the token of our forms is not done, whoever gives it', async () => {
    for (const door of [...pageDoors, ...apiDoors].filter(({ method }) => method !== 'GET')) {
      for (const role of ROLES) {
        const form = { csrf: 'guessed' };
        const body = door.url.startsWith(API_ROOT) ? { json: {} } : { form };
        const { statusCode } = await world.ask({ as: role, ...door, ...body });
        assert.equal(statusCode, 403, `${door.method} ${door.url}`);
      }
    }
  });

  test('an auditor can change nothing: no door with an order is open to one', () => {
    const open = [...pageDoors, ...apiDoors].filter(
      ({ method, url, permission }) =>
        method !== 'GET' &&
        permission !== 'signed-in' &&
        isAllowed('auditor', permission) &&
        !ORDERS_OF_AUDITORS.includes(url),
    );
    assert.deepEqual(open, []);
  });

  test('an auditor is refused by every order that the OpenAPI document names', async () => {
    const document = (await world.ask({ url: `${API_ROOT}/openapi.json` })).json<{
      paths: Record<string, Record<string, unknown>>;
    }>();
    let tried = 0;
    for (const [path, methods] of Object.entries(document.paths)) {
      const url = `${API_ROOT}${path.replace(/\{\w+\}/g, '1')}`;
      for (const name of Object.keys(methods)) {
        const method = name.toUpperCase() as Method;
        if (method === 'GET' || ORDERS_OF_AUDITORS.includes(url)) continue;
        tried += 1;
        const answer = await askApi({ method, url, permission: 'signed-in' }, 'auditor');
        assert.equal(answer.statusCode, 403, `${method} ${url}`);
      }
    }
    assert.ok(tried >= 6, `${tried} orders`);
  });

  test('an auditor reaches nothing that is held', async () => {
    for (const { url, permission } of [...pageDoors, ...apiDoors]) {
      if (!/\/hold(\/|$)/.test(url)) continue;
      assert.ok(permission === 'hold.read' || permission === 'hold.release', url);
    }
    assert.ok(!isAllowed('auditor', 'hold.read') && !isAllowed('auditor', 'hold.release'));
  });
});
