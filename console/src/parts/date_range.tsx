/** From one day to another, in one field with a calendar. */
import { parseDate, type CalendarDate } from '@internationalized/date';
import { Button } from 'react-aria-components/Button';
import { CalendarCell, CalendarGrid, CalendarHeading, RangeCalendar } from 'react-aria-components/RangeCalendar';
import { DateInput, DateRangePicker, DateSegment } from 'react-aria-components/DateRangePicker';
import { Dialog } from 'react-aria-components/Dialog';
import { Group } from 'react-aria-components/Group';
import { Label } from 'react-aria-components/Label';
import { Popover } from 'react-aria-components/Popover';

interface Props {
  label: string;
  /** Days such as 2026-11-30, both included. */
  from: string | undefined;
  to: string | undefined;
  onChange: (range: { from: string | undefined; to: string | undefined }) => void;
  /** Whether it may be left open. */
  isOptional?: boolean;
}

export default function DateRange({ label, from, to, onChange, isOptional = false }: Props) {
  const [start, end] = [from, to].map((day) => (day === undefined ? undefined : dateOf(day)));
  const value = start && end ? { start, end } : null;
  return (
    <DateRangePicker
      className="range"
      value={value}
      onChange={(range) => onChange({ from: range?.start.toString(), to: range?.end.toString() })}
    >
      <Label>{label}</Label>
      <Group className="range-field">
        <DateInput slot="start">{(segment) => <DateSegment segment={segment} />}</DateInput>
        <span aria-hidden="true">–</span>
        <DateInput slot="end">{(segment) => <DateSegment segment={segment} />}</DateInput>
        <Button className="plain" aria-label="Calendar">
          ▾
        </Button>
        {isOptional && value && (
          <button type="button" className="plain" onClick={() => onChange({ from: undefined, to: undefined })}>
            All
          </button>
        )}
      </Group>
      <Popover className="popover">
        <Dialog>
          <RangeCalendar>
            <header>
              <Button slot="previous" className="plain">
                ‹
              </Button>
              <CalendarHeading />
              <Button slot="next" className="plain">
                ›
              </Button>
            </header>
            <CalendarGrid>{(date) => <CalendarCell date={date} />}</CalendarGrid>
          </RangeCalendar>
        </Dialog>
      </Popover>
    </DateRangePicker>
  );
}

function dateOf(day: string): CalendarDate | undefined {
  try {
    return parseDate(day);
  } catch {
    return undefined;
  }
}
