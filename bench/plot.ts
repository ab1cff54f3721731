// Plots as SVG, drawn by echarts without a browser.
import { init } from 'echarts';

const WIDTH = 960;
const COLOURS = { ours: '#0b6e4f', command: '#8d99ae', missed: '#c8553d' };

interface Bar {
  label: string;
  ratio: number;
  target: number | undefined;
}

export interface Line {
  name: string;
  points: [x: number, y: number][];
  command: boolean;
}

function svg(height: number, option: Parameters<ReturnType<typeof init>['setOption']>[0]): string {
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height });
  chart.setOption({ animation: false, backgroundColor: '#fff', ...option });
  const text = chart.renderToSVGString();
  chart.dispose();
  return `${text}\n`;
}

/** Ratios, one bar a row, with a mark where its target is. */
export function bars(title: string, rows: Bar[]): string {
  const shown = rows.toReversed(); // the axis runs upwards
  return svg(80 + rows.length * 34, {
    title: { text: title, left: 'center', textStyle: { fontSize: 15 } },
    grid: { left: 290, right: 60, top: 40, bottom: 30 },
    xAxis: { type: 'log', min: 0.1, axisLabel: { formatter: '{value} x' } },
    yAxis: { type: 'category', data: shown.map(({ label }) => label), axisTick: { show: false } },
    series: [
      {
        type: 'bar',
        barWidth: 16,
        data: shown.map(({ ratio, target }) => ({
          value: Number(ratio.toFixed(2)),
          itemStyle: { color: target !== undefined && ratio < target ? COLOURS.missed : COLOURS.ours },
        })),
        label: { show: true, position: 'right', formatter: '{c} x' },
      },
      {
        type: 'scatter',
        symbol: 'rect',
        symbolSize: [3, 24],
        itemStyle: { color: '#222' },
        data: shown.flatMap(({ target, label }) => (target === undefined ? [] : [[target, label]])),
      },
    ],
  });
}

/** What an entry takes as trees grow. */
export function lines(title: string, unit: string, series: Line[]): string {
  return svg(520, {
    title: { text: title, left: 'center', textStyle: { fontSize: 15 } },
    legend: { bottom: 0 },
    grid: { left: 80, right: 40, top: 50, bottom: 90 },
    xAxis: { type: 'log', name: 'entries', nameLocation: 'middle', nameGap: 26 },
    yAxis: { type: 'log', name: unit },
    series: series.map(({ name, points, command }) => ({
      type: 'line' as const,
      name,
      data: points,
      lineStyle: { type: command ? ('dashed' as const) : ('solid' as const) },
    })),
  });
}
