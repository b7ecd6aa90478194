// Owns how the ring is drawn: where a partition, an arc, a spark is, and what it looks like. Never knows why something moves.

import { colour, label, on } from "./live.js";

const TURN = Math.PI * 2;
const [INNER, OUTER] = [0.66, 0.86];
const BAND = 0.885;
const NAMES_MAX = 24;
const POINT_MIN = 0.05;

/** The arc of each node: as much of the circle as it owns, and a little if it owns nothing, so that it can be seen. */
export function arcs(nodes, known, partitions) {
  if (!nodes.length) return [];
  const gap = Math.min(0.035, 1.2 / nodes.length);
  const empty = nodes.filter((node) => !known.get(node)?.owns).length;
  const rest = TURN - gap * nodes.length - Math.min(POINT_MIN, 1 / nodes.length) * empty;
  let begin = gap / 2;
  return nodes.map((node) => {
    const owns = known.get(node)?.owns ?? 0;
    const width = owns ? (rest * owns) / Math.max(1, partitions) : Math.min(POINT_MIN, 1 / nodes.length);
    const arc = { node, owns, begin, end: begin + width, middle: begin + width / 2 };
    begin += width + gap;
    return arc;
  });
}

/** How many partitions stand one behind the other, so that each is about as wide as it is deep. */
function lanes(partitions) {
  const middle = (INNER + OUTER) / 2;
  return Math.max(1, Math.round(Math.sqrt((partitions * (OUTER - INNER)) / (middle * TURN))));
}

/** Where each partition is: among its owner's, or in the order of their numbers. Angles begin at the top. */
export function arrange(order, arcs, partitions, owner) {
  const deep = lanes(partitions);
  const places = new Array(partitions);
  const one = TURN / Math.ceil(partitions / deep);
  const spots = new Map(arcs.map((arc) => [arc.node, { arc, next: 0, slots: Math.max(1, Math.ceil(arc.owns / deep)) }]));
  for (let partition = 0; partition < partitions; partition += 1) {
    const node = owner(partition);
    const spot = spots.get(node);
    const hue = colour(node ?? "");
    if (order === "owner" && spot) {
      const step = (spot.arc.end - spot.arc.begin) / spot.slots;
      const angle = spot.arc.begin + (Math.floor(spot.next / deep) + 0.5) * step;
      places[partition] = { partition, node, angle, lane: spot.next % deep, step, deep, colour: hue };
      spot.next += 1;
    } else {
      const angle = (Math.floor(partition / deep) + 0.5) * one;
      places[partition] = { partition, node, angle, lane: partition % deep, step: one, deep, colour: hue };
    }
  }
  return places;
}

const ease = (part) => (part < 0.5 ? 4 * part ** 3 : 1 - (-2 * part + 2) ** 3 / 2);

const radius = (place) => place.radius ?? INNER + ((place.lane + 0.5) * (OUTER - INNER)) / place.deep;

/** Where a partition is on its way. Who changes hands takes the way through the middle. */
export function at(from, to, part) {
  const way = ease(part);
  let turn = to.angle - from.angle;
  if (turn > Math.PI) turn -= TURN;
  if (turn < -Math.PI) turn += TURN;
  const dip = from.far ? Math.sin(way * Math.PI) * Math.min(0.5, 0.08 + Math.abs(turn) * 0.17) : 0;
  const [start, end] = [radius(from), radius(to)];
  return { ...to, angle: from.angle + turn * way, radius: start + (end - start) * way - dip, colour: way < 0.35 ? from.colour : to.colour };
}

const properties = new Map();
on("theme", () => properties.clear());

/** A property of the style, looked up once. */
function css(name) {
  if (!properties.has(name)) properties.set(name, getComputedStyle(document.documentElement).getPropertyValue(name).trim());
  return properties.get(name);
}

export class Painter {
  constructor(canvas) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d");
    this.arcs = [];
    this.loads = new Map();
    this.size();
  }

  size() {
    const box = this.canvas.getBoundingClientRect();
    const scale = Math.min(devicePixelRatio || 1, 2);
    this.canvas.width = Math.max(1, Math.round(box.width * scale));
    this.canvas.height = this.canvas.width;
    this.unit = this.canvas.width / 2;
    this.scale = scale;
  }

  /** Who is where, and how busy. */
  plan(nodes, known, arcs) {
    this.arcs = arcs;
    this.known = known;
    const load = (node) => (node ? node.calls + node.casts + node.received : 0);
    const most = Math.max(20, ...nodes.map((node) => load(known.get(node))));
    this.loads = new Map(nodes.map((node) => [node, Math.sqrt(load(known.get(node)) / most)]));
    this.names = nodes.length <= NAMES_MAX;
  }

  draw(places, flights, part, sparks, still, pointed) {
    const { pen, unit } = this;
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, this.canvas.width, this.canvas.height);
    pen.translate(unit, unit);
    pen.rotate(-Math.PI / 2);
    const ink = css("--ink");
    this.rest(places, flights, pointed);
    this.bands(ink, pointed);
    this.squares([...flights].map(([partition, from]) => at(from, places[partition], part(from))), undefined, 1.25);
    this.sparks(sparks, still);
  }

  /** Partitions that do not fly. While none does they are drawn once, and then as a picture. */
  rest(places, flights, pointed) {
    const { pen, unit } = this;
    const known = this.kept;
    if (flights.size || !places.length) {
      this.kept = undefined;
      this.squares(places.filter((place) => place && !flights.has(place.partition)), pointed);
      return;
    }
    if (known?.places !== places || known.pointed !== pointed || known.unit !== unit) {
      const picture = document.createElement("canvas");
      [picture.width, picture.height] = [this.canvas.width, this.canvas.height];
      this.pen = picture.getContext("2d");
      this.pen.setTransform(pen.getTransform());
      this.squares(places, pointed);
      this.pen = pen;
      this.kept = { picture, places, pointed, unit };
    }
    pen.save();
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.drawImage(this.kept.picture, 0, 0);
    pen.restore();
  }

  /** Partitions, by colour, each in one path. */
  squares(places, pointed, larger = 1) {
    const { pen, unit } = this;
    const paths = new Map();
    for (const place of places) {
      const key = pointed && place.node !== pointed ? `${place.colour}/` : place.colour;
      let path = paths.get(key);
      if (!path) paths.set(key, path = new Path2D());
      const r = radius(place) * unit;
      const deep = (((OUTER - INNER) / place.deep) * unit * 0.4) * larger;
      const wide = Math.max(0.35, Math.min(place.step * r * 0.4, deep * 1.6)) * larger;
      const [cos, sin] = [Math.cos(place.angle), Math.sin(place.angle)];
      const [x, y] = [cos * r, sin * r];
      const [dx, dy] = [cos * deep, sin * deep];
      const [wx, wy] = [-sin * wide, cos * wide];
      path.moveTo(x - dx - wx, y - dy - wy);
      path.lineTo(x + dx - wx, y + dy - wy);
      path.lineTo(x + dx + wx, y + dy + wy);
      path.lineTo(x - dx + wx, y - dy + wy);
      path.closePath();
    }
    for (const [key, path] of paths) {
      pen.globalAlpha = key.endsWith("/") ? 0.22 : 1;
      pen.fillStyle = key.replace("/", "");
      pen.fill(path);
    }
    pen.globalAlpha = 1;
  }

  /** The nodes: a band outside, whose look says their state, a bar inside for their load, and their names. */
  bands(ink, pointed) {
    const { pen, unit } = this;
    for (const arc of this.arcs) {
      const node = this.known.get(arc.node);
      const hue = colour(arc.node);
      pen.globalAlpha = pointed && pointed !== arc.node ? 0.35 : 1;
      pen.lineWidth = unit * 0.016;
      pen.strokeStyle = node?.state === "silent" ? css("--bad") : hue;
      pen.setLineDash({ leaving: [unit * 0.02, unit * 0.012], silent: [unit * 0.008, unit * 0.012] }[node?.state] ?? []);
      if (["drained", "idle"].includes(node?.state)) pen.lineWidth = unit * 0.005;
      pen.beginPath();
      pen.arc(0, 0, BAND * unit, arc.begin, Math.max(arc.end, arc.begin + 0.01));
      pen.stroke();
      pen.setLineDash([]);
      const load = this.loads.get(arc.node) ?? 0;
      if (load > 0) {
        pen.globalAlpha *= 0.3;
        pen.fillStyle = hue;
        pen.beginPath();
        const [near, far] = [(INNER - 0.012) * unit, (INNER - 0.012 - load * 0.085) * unit];
        pen.arc(0, 0, near, arc.begin, arc.end);
        pen.arc(0, 0, far, arc.end, arc.begin, true);
        pen.fill();
      }
      pen.globalAlpha = 1;
      if (this.names || pointed === arc.node) this.name(arc, ink, pointed === arc.node);
    }
  }

  name(arc, ink, strong) {
    const { pen, unit } = this;
    pen.save();
    pen.rotate(arc.middle);
    pen.translate(0.945 * unit, 0);
    // Upright to who reads: along the circle, and never on its head.
    const upside = arc.middle > Math.PI / 2 && arc.middle < Math.PI * 1.5;
    pen.rotate(upside ? -Math.PI / 2 : Math.PI / 2);
    pen.font = `${strong ? 650 : 500} ${Math.max(10 * this.scale, unit * 0.038)}px ${css("--mono")}`;
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.fillStyle = ink;
    pen.fillText(label(arc.node), 0, 0);
    pen.restore();
  }

  /** Workers on the move: from one arc to the other, by a bend through the middle. */
  sparks(sparks, still) {
    const { pen, unit } = this;
    pen.lineCap = "round";
    for (const spark of sparks) {
      if (spark.part < 0) continue;
      const point = (angle, r) => [Math.cos(angle) * r * unit, Math.sin(angle) * r * unit];
      const [from, to] = [point(spark.from, INNER - 0.02), point(spark.to, INNER - 0.02)];
      const [cx, cy] = [(from[0] + to[0]) * 0.5 * spark.bend, (from[1] + to[1]) * 0.5 * spark.bend];
      const on = (t) => [
        (1 - t) ** 2 * from[0] + 2 * (1 - t) * t * cx + t ** 2 * to[0],
        (1 - t) ** 2 * from[1] + 2 * (1 - t) * t * cy + t ** 2 * to[1],
      ];
      const head = still ? 1 : ease(Math.min(1, spark.part));
      const tail = still ? 0 : Math.max(0, head - 0.16);
      pen.strokeStyle = spark.colour;
      pen.lineWidth = still ? unit * 0.003 : unit * 0.008;
      pen.globalAlpha = still ? 0.35 : 0.85;
      pen.beginPath();
      pen.moveTo(...on(tail));
      for (let step = 1; step <= 6; step += 1) pen.lineTo(...on(tail + ((head - tail) * step) / 6));
      pen.stroke();
      if (!still) {
        pen.globalAlpha = 1;
        pen.fillStyle = spark.colour;
        pen.beginPath();
        pen.arc(...on(head), unit * 0.0085, 0, TURN);
        pen.fill();
      }
    }
    pen.globalAlpha = 1;
  }

  /** The partition at a place, told by an angle from the right and a part of the radius. */
  partition(places, angle, r) {
    if (r < INNER || r > OUTER) return undefined;
    const turned = (angle + TURN * 1.25) % TURN;
    let best;
    let near = 0.05;
    for (const place of places) {
      if (!place) continue;
      const off = Math.hypot((place.angle - turned) * r, radius(place) - r);
      if (off < near) [near, best] = [off, place];
    }
    return best;
  }

  /** A line of the last two minutes, and the largest figure in it. */
  plot(canvas, rows) {
    const box = canvas.getBoundingClientRect();
    if (!box.width) return;
    const scale = Math.min(devicePixelRatio || 1, 2);
    [canvas.width, canvas.height] = [Math.round(box.width * scale), Math.round(box.height * scale)];
    const pen = canvas.getContext("2d");
    pen.scale(scale, scale);
    const most = Math.max(10, ...rows.flat());
    const [top, bottom] = [16, box.height - 2];
    const x = (n) => box.width - ((rows.length - 1 - n) * box.width) / 119;
    const y = (value) => bottom - (value / most) * (bottom - top);
    pen.fillStyle = css("--quiet");
    pen.font = `12px ${css("--sans")}`;
    pen.fillText(`${most.toLocaleString("en")}/s`, 0, 11);
    pen.textAlign = "right";
    pen.fillText("calls ―  casts ┄  two minutes", box.width, 11);
    pen.strokeStyle = css("--line");
    pen.beginPath();
    pen.moveTo(0, bottom + 0.5);
    pen.lineTo(box.width, bottom + 0.5);
    pen.stroke();
    for (const [row, dash] of [[0, []], [1, [4, 4]]]) {
      pen.setLineDash(dash);
      pen.strokeStyle = row ? css("--quiet") : css("--accent");
      pen.lineWidth = row ? 1.2 : 2;
      pen.beginPath();
      rows.forEach((values, n) => pen.lineTo(x(n), y(values[row])));
      pen.stroke();
      if (row || !rows.length) continue;
      pen.lineTo(x(rows.length - 1), bottom);
      pen.lineTo(x(0), bottom);
      pen.globalAlpha = 0.12;
      pen.fillStyle = css("--accent");
      pen.fill();
      pen.globalAlpha = 1;
    }
  }
}
