/** Texts of the parts that pages are made of. */
export const parts = {
  older: 'Older',
  newest: 'Newest',
  copy: 'Copy',
  copied: 'Copied',
  pages: 'Pages',
  none: 'None',
  required: 'required',
  yes: 'yes',
  no: 'no',
  chartTotal: (label: string, total: number) => `${label}: ${total}`,
} as const;
