import { type Html, html } from '../html.ts';
import { auditFields, auditQueryOf } from './audit-search.ts';
import type { Page, PageRequest } from './page.ts';
import { checkbox, form, notice, section, select } from './parts.ts';

function exportForm(request: PageRequest): Html {
  const { text, csrf, query } = request;
  const { audit } = text;
  const formats = (['csv', 'json'] as const).map((one) => [one, audit.formats[one]] as const);
  return section(
    audit.exportWhat,
    html`<p>${audit.exportIntro}</p>`,
    form({
      action: '/audit/export',
      csrf,
      submit: audit.exportNow,
      body: html`${auditFields(request)}${select({ name: 'format', label: audit.format, value: query.get('format') ?? '', options: formats })}<div>${checkbox({ name: 'withhold', label: audit.withhold, isChecked: query.get('withhold') === 'yes' })}<p class="hint">${audit.withholdHint}</p></div>`,
    }),
  );
}

const ask: Page = {
  method: 'GET',
  path: '/audit/export',
  permission: 'audit.export',
  answer: async (request) => ({
    kind: 'page',
    title: request.text.audit.exportTitle,
    body: exportForm(request),
  }),
};

const take: Page = {
  method: 'POST',
  path: '/audit/export',
  permission: 'audit.export',
  answer: async (request) => {
    const { desk, actor, form: fields, text } = request;
    const title = text.audit.exportTitle;
    const again = exportForm({ ...request, query: fields });
    const { query, isPartly } = auditQueryOf(fields);
    // More than was asked for must not leave.
    if (isPartly) {
      const body = html`${notice('bad', text.audit.badExport)}${again}`;
      return { kind: 'page', title, status: 422, body };
    }
    const format = fields.get('format') === 'json' ? 'json' : 'csv';
    const withhold = fields.get('withhold') === 'yes';
    const made = await desk.audit.export(actor, { query, format, withhold });
    if (made.kind === 'export') {
      return { kind: 'file', type: 'application/zip', name: made.name, bytes: made.bytes };
    }
    const body = html`${notice('bad', text.audit.exportRefused[made.kind])}${again}`;
    const isBusy = made.kind === 'busy-own' || made.kind === 'busy-others';
    return { kind: 'page', title, status: isBusy ? 429 : 409, body };
  },
};

/** Taking events out of the log, with what proves them. */
export const auditExportPages: readonly Page[] = [ask, take];
