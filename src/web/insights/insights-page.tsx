import { useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { InsightsDocument, type InsightsQuery } from '../../generated/web/operations.ts';
import { ask } from '../api/graphql.ts';
import { formatNumber } from '../format.ts';
import { Failure } from '../parts/failure.tsx';
import { Loading } from '../parts/loading.tsx';
import { texts } from '../texts/index.ts';
import { BarChart } from './chart.tsx';
import { byHour, byModel, byRole, byWeekday, dayWithin, hourLabels, misdated, monthsOf } from './series.ts';
import './insights.css';

const words = texts.insights;

/** Charts of the whole history. */
export default function InsightsPage() {
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  const insights = useQuery({
    queryKey: ['insights', timeZone],
    queryFn: ({ signal }) => ask(InsightsDocument, { timeZone }, signal),
    staleTime: 300_000,
  });
  return (
    <div className="page stack">
      <header>
        <h1>{words.title}</h1>
        <p className="muted">{words.lead}</p>
      </header>
      {insights.isPending && <Loading lines={4} height="16rem" />}
      {insights.isLoadingError && <Failure error={insights.error} retry={() => void insights.refetch()} />}
      {insights.data && <Charts data={insights.data} />}
    </div>
  );
}

function Charts({ data: { insights, longest } }: { data: InsightsQuery }) {
  if (insights.messages === 0) {
    return (
      <div className="state">
        <h2>{words.empty.title}</h2>
        <p>{words.empty.text}</p>
        <Link className="button primary" href="/import">
          {words.empty.action}
        </Link>
      </div>
    );
  }
  const months = monthsOf(insights);
  const left = misdated(insights, months);
  const topics = insights.topics.filter(({ conversations }) => conversations > 1);
  const totals = [
    [words.totals.conversations, formatNumber(insights.conversations)],
    [words.totals.messages, formatNumber(insights.messages)],
    [words.totals.first, dayWithin(insights.firstAt, months.at(0))],
    [words.totals.last, dayWithin(insights.lastAt, months.at(-1))],
  ].filter(([, value]) => value !== '');
  return (
    <>
      <dl className="card totals">
        {totals.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {left > 0 && (
        <div className="notice">
          <p>{words.misdated(left, formatNumber(left))}</p>
        </div>
      )}
      {months.length > 0 && (
        <>
          <BarChart
            label={words.months}
            heading={words.month}
            labels={months}
            series={byRole(insights, months)}
          />
          <BarChart
            label={words.models}
            heading={words.month}
            labels={months}
            series={byModel(insights, months)}
          />
        </>
      )}
      {insights.hours.length > 0 ? (
        <div className="charts">
          <BarChart label={words.hours} heading={words.hour} labels={hourLabels} series={byHour(insights)} />
          <BarChart
            label={words.weekdays}
            heading={words.day}
            labels={words.days}
            series={byWeekday(insights)}
          />
        </div>
      ) : (
        <div className="notice">
          <p>{words.undated}</p>
        </div>
      )}
      <div className="charts">
        <section className="card stack">
          <h2>{words.longest}</h2>
          <ol className="plain ranking">
            {longest.edges.map(({ node }) => (
              <li key={node.id}>
                <Link href={`/conversations/${node.id}`}>{node.title}</Link>
                <span className="muted">{formatNumber(node.messageCount)}</span>
              </li>
            ))}
          </ol>
        </section>
        {topics.length > 0 && (
          <section className="card stack">
            <h2>{words.topics}</h2>
            <ul className="plain topics">
              {topics.map(({ word, conversations }) => (
                <li key={word}>
                  <Link className="badge" href={`/search?q=${encodeURIComponent(word)}`}>
                    {word} <span aria-hidden="true">·</span> {formatNumber(conversations)}
                  </Link>
                </li>
              ))}
            </ul>
          </section>
        )}
      </div>
    </>
  );
}
