/** Pictures of figures. Loaded where one is shown; the figures themselves stand beside each, exactly. */
import { Area, AreaChart, Bar, BarChart, CartesianGrid, ResponsiveContainer, Tooltip, XAxis, YAxis } from 'recharts';

export interface Series {
  name: string;
  label: string;
}

export interface Point {
  label: string;
  /** What stands at the axis. */
  tick: string;
  /** A picture may round. */
  values: Record<string, number>;
  /** What is written of them. */
  words: Record<string, string>;
}

interface Props {
  points: readonly Point[];
  series: readonly Series[];
  kind: 'area' | 'bar';
}

const HEIGHT = 220;

export default function Chart({ points, series, kind }: Props) {
  const data = points.map((point) => ({ ...point.values, point }));
  const axes = [
    <CartesianGrid key="grid" vertical={false} className="grid" />,
    <XAxis key="x" dataKey="point.tick" tickLine={false} axisLine={false} minTickGap={24} className="axis" />,
    <YAxis key="y" width={64} tickLine={false} axisLine={false} tickFormatter={short} className="axis" />,
    <Tooltip
      key="tip"
      isAnimationActive={false}
      cursor={false}
      content={({ payload }) => (
        <Tip point={(payload[0]?.payload as { point: Point } | undefined)?.point} series={series} />
      )}
    />,
  ];
  // The figures stand in the table beside it, where the keyboard reaches them.
  const shared = { data, accessibilityLayer: false, margin: { top: 8, right: 8, bottom: 0, left: 0 } };
  return (
    <ResponsiveContainer width="100%" height={HEIGHT}>
      {kind === 'area' ? (
        <AreaChart {...shared}>
          {axes}
          {series.map(({ name }, place) => (
            <Area
              key={name}
              dataKey={name}
              stackId="all"
              className={`series s${place}`}
              isAnimationActive={false}
              dot={false}
            />
          ))}
        </AreaChart>
      ) : (
        <BarChart {...shared}>
          {axes}
          {series.map(({ name }, place) => (
            <Bar key={name} dataKey={name} className={`series s${place}`} isAnimationActive={false} />
          ))}
        </BarChart>
      )}
    </ResponsiveContainer>
  );
}

function Tip({ point, series }: { point: Point | undefined; series: readonly Series[] }) {
  if (!point) return null;
  return (
    <div className="tip">
      <strong>{point.label}</strong>
      {series.map(({ name, label }) => (
        <p key={name}>
          {label} <span className="number">{point.words[name]}</span>
        </p>
      ))}
    </div>
  );
}

const SHORT = new Intl.NumberFormat(undefined, { notation: 'compact', maximumFractionDigits: 1 });

function short(value: number): string {
  return SHORT.format(value);
}
