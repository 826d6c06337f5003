import { BarController, BarElement, CategoryScale, Chart, Legend, LinearScale, Tooltip } from 'chart.js';
import { useEffect, useRef } from 'react';
import { formatNumber } from '../format.ts';
import { texts } from '../texts/index.ts';

Chart.register(BarController, BarElement, CategoryScale, LinearScale, Legend, Tooltip);

export interface Series {
  name: string;
  /** One for each label. */
  values: number[];
}

/** Chosen so that neighbours differ in lightness as well, for those who see colours otherwise. */
const COLOURS = ['--chart-1', '--chart-2', '--chart-3', '--chart-4', '--chart-5', '--chart-6', '--chart-7'];

/** Bars, stacked when there are several series, and the same numbers as a table for whoever cannot see them. */
export function BarChart({
  label,
  heading,
  labels,
  series,
}: {
  label: string;
  heading: string;
  labels: string[];
  series: Series[];
}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const shown = JSON.stringify({ labels, series });
  useEffect(() => {
    if (!canvas.current) return;
    const chart = draw(canvas.current, JSON.parse(shown));
    // The canvas does not follow the page's colours by itself.
    const themes = new MutationObserver(() => paint(chart));
    themes.observe(document.documentElement, { attributeFilter: ['data-theme'] });
    const system = matchMedia('(prefers-color-scheme: dark)');
    const repaint = () => paint(chart);
    system.addEventListener('change', repaint);
    return () => {
      themes.disconnect();
      system.removeEventListener('change', repaint);
      chart.destroy();
    };
  }, [shown]);
  return (
    <figure className="chart">
      <figcaption>
        <h2>{label}</h2>
      </figcaption>
      <div className="chart-canvas">
        <canvas ref={canvas} role="img" aria-label={label} />
      </div>
      <details>
        <summary className="small muted">{texts.insights.asTable}</summary>
        <table className="table">
          <thead>
            <tr>
              <th scope="col">{heading}</th>
              {series.map(({ name }) => (
                <th key={name} scope="col">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {labels.map((row, index) => (
              <tr key={row}>
                <th scope="row">{row}</th>
                {series.map(({ name, values }) => (
                  <td key={name}>{formatNumber(values[index] ?? 0)}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </figure>
  );
}

function draw(canvas: HTMLCanvasElement, { labels, series }: { labels: string[]; series: Series[] }): Chart {
  const chart = new Chart(canvas, {
    type: 'bar',
    data: { labels, datasets: series.map(({ name, values }) => ({ label: name, data: values })) },
    options: {
      responsive: true,
      maintainAspectRatio: false,
      animation: false,
      interaction: { mode: 'index', intersect: false },
      scales: {
        x: { stacked: true, grid: { display: false } },
        y: { stacked: true, beginAtZero: true, ticks: { precision: 0 } },
      },
      plugins: { legend: { display: series.length > 1, position: 'bottom' } },
    },
  });
  paint(chart);
  return chart;
}

/** The page's colours of now. */
function paint(chart: Chart): void {
  const { canvas } = chart;
  // Through an element: the value of the property itself may name the colours of both themes.
  const colour = (name: string) => {
    canvas.style.color = `var(${name})`;
    return getComputedStyle(canvas).color;
  };
  for (const [index, dataset] of chart.data.datasets.entries()) {
    dataset.backgroundColor = colour(COLOURS[index % COLOURS.length] ?? '--accent');
  }
  const text = colour('--muted');
  const { x, y } = chart.options.scales ?? {};
  for (const scale of [x, y]) if (scale?.ticks) scale.ticks.color = text;
  if (y?.grid) y.grid.color = colour('--line');
  if (chart.options.plugins?.legend?.labels) chart.options.plugins.legend.labels.color = text;
  chart.update();
}
