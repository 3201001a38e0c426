/** Texts of the parts that pages are made of. */
export const parts = {
  older: 'Older',
  newest: 'Newest',
  later: 'Later',
  oldest: 'Oldest',
  copy: 'Copy',
  copied: 'Copied',
  pages: 'Pages',
  none: 'None',
  required: 'required',
  yes: 'yes',
  no: 'no',
  chartTable: 'The numbers',
  chartStep: 'From',
  chartTotal: (label: string, total: number) => `${label}: ${total}`,
  chartMost: (label: string, most: number) => `${label}: ${most} at most`,
} as const;
