/** A strict parser of Prometheus's text format. */

export interface Family {
  type: string;
  help: string;
  /** By name and labels, as they are written. */
  series: Map<string, number>;
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const LABEL = '[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\\\n]|\\\\["\\\\n])*"';
const HELP = new RegExp(`^# HELP (${NAME}) (.+)$`);
const TYPE = new RegExp(`^# TYPE (${NAME}) (counter|gauge|histogram|summary|untyped)$`);
const SAMPLE = new RegExp(
  `^(${NAME})(?:\\{(${LABEL}(?:,${LABEL})*)\\})? ([+-]?(?:\\d+\\.?\\d*(?:e[+-]?\\d+)?|Inf)|Nan)$`,
  'i',
);

const SUFFIXES: Record<string, string[]> = {
  histogram: ['_bucket', '_sum', '_count'],
  summary: ['', '_sum', '_count'],
};

export function parseMetrics(text: string): Map<string, Family> {
  if (!text.endsWith('\n')) throw new Error('The last line does not end');
  const families = new Map<string, Family>();
  let name = '';
  let help: string | undefined;
  for (const line of text.split('\n').filter((each) => each !== '')) {
    const [, helped, words] = HELP.exec(line) ?? [];
    const [, typed, type] = TYPE.exec(line) ?? [];
    if (helped !== undefined) {
      if (families.has(helped)) throw new Error(`Twice: ${line}`);
      [name, help] = [helped, words];
    } else if (typed !== undefined && type !== undefined) {
      if (typed !== name || help === undefined) throw new Error(`No help before: ${line}`);
      families.set(name, { type, help, series: new Map() });
      help = undefined;
    } else {
      const [, sample, labels = '', value] = SAMPLE.exec(line) ?? [];
      const family = families.get(name);
      if (sample === undefined || !family) throw new Error(`Not a sample: ${line}`);
      const names = (SUFFIXES[family.type] ?? ['']).map((suffix) => `${name}${suffix}`);
      if (!names.includes(sample)) throw new Error(`Not of ${name}: ${line}`);
      if (new Set(labelsOf(labels).keys()).size !== labelsOf(labels).length) throw new Error(`A label twice: ${line}`);
      const key = `${sample}{${labels}}`;
      if (family.series.has(key)) throw new Error(`Twice: ${line}`);
      family.series.set(key, Number(value?.replace(/inf$/i, 'Infinity')));
    }
  }
  for (const [each, family] of families) if (family.type === 'histogram') checkHistogram(each, family);
  return families;
}

/** The value of a series; the order of the labels does not matter. */
export function valueOf(
  families: Map<string, Family>,
  name: string,
  labels: Record<string, string> = {},
): number | undefined {
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  for (const { series } of families.values())
    for (const [key, value] of series) {
      const [sample, written = ''] = key.slice(0, -1).split('{');
      const own = labelsOf(written);
      if (sample === name && own.length === wanted.length && wanted.every((label) => own.includes(label))) return value;
    }
  return undefined;
}

export function seriesOf(families: Map<string, Family>): string[] {
  return [...families.values()].flatMap(({ series }) => [...series.keys()]).sort();
}

function labelsOf(labels: string): string[] {
  return labels.match(new RegExp(LABEL, 'g')) ?? [];
}

/** Each bucket includes the smaller ones; the last one includes all observations. */
function checkHistogram(name: string, { series }: Family): void {
  const counts = new Map<string, number[]>();
  for (const [key, value] of series) {
    if (!key.startsWith(`${name}_bucket{`)) continue;
    const rest = labelsOf(key.slice(key.indexOf('{') + 1, -1)).filter((label) => !label.startsWith('le='));
    const of = `{${rest.join(',')}}`;
    counts.set(of, [...(counts.get(of) ?? []), value]);
  }
  for (const [of, values] of counts) {
    if (values.some((value, nth) => value < (values[nth - 1] ?? 0))) throw new Error(`${name}${of} goes down`);
    if (values.at(-1) !== series.get(`${name}_count${of}`)) throw new Error(`${name}${of} is not all of them`);
    if (series.get(`${name}_sum${of}`) === undefined) throw new Error(`${name}${of} has no sum`);
  }
}
