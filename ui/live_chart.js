// A Plotly chart that stays: each frame goes into the same plot, so zoom, hover and layout survive.
//
// Two things make it fast. It asks for the next frame once the last one is on the screen, never earlier: a
// slow viewer gets fewer frames, nothing piles up, and a hidden tab, which paints nothing, asks for nothing.
// And when a frame changes numbers only, not the layout, it puts them where Plotly keeps and paints them
// (see Quick below) instead of calling Plotly.react, which lays all axes out anew at ten times the cost.

const WATCHDOG = 4000 // ms without an answer after which it asks again
const HUSH = 150 // ms of not asking after the viewer has touched something: what they did goes first
const DOUBLE = 320 // ms in which a second click makes a double click, which resets the zoom and is no choice
const LEAVING = 3000 // ms of not asking after a link was followed: asked for meanwhile, this page would come back
const HANDS = ["pointerup", "keydown", "click", "popstate"]
const charts = new WeakMap()
let loading

function loadPlotly(address) {
  loading ??= fetch(new URL(address, document.baseURI))
    .then((response) => {
      if (!response.ok) throw new Error(`plotly.js: ${response.status}`)
      return new Response(response.body.pipeThrough(new DecompressionStream("gzip"))).blob()
    })
    .then((code) => new Promise((resolve, reject) => {
      const script = document.createElement("script")
      script.src = URL.createObjectURL(new Blob([code], { type: "text/javascript" }))
      script.onload = () => resolve(window.Plotly)
      script.onerror = () => reject(new Error("plotly.js does not run"))
      document.head.append(script)
    }))
  return loading
}

const KINDS = { f4: Float32Array, f8: Float64Array, i4: Int32Array, u1: Uint8Array }

// The inverse of ui/payload.py.
function decode(bytes) {
  const buffer = bytes.byteOffset % 8 ? bytes.slice().buffer : bytes.buffer
  const origin = bytes.byteOffset % 8 ? 0 : bytes.byteOffset
  const length = new DataView(buffer, origin, 4).getUint32(0, true)
  const header = new TextDecoder().decode(new Uint8Array(buffer, origin + 4, length))
  const start = origin + Math.ceil((4 + length) / 8) * 8
  return JSON.parse(header, (_, value) => {
    if (!value || !Array.isArray(value.array)) return value
    const [offset, kind, shape] = value.array
    const Kind = KINDS[kind]
    const part = (first, count) => new Kind(buffer, start + offset + first * Kind.BYTES_PER_ELEMENT, count)
    if (shape.length === 1) return part(0, shape[0])
    return Array.from({ length: shape[0] }, (_, row) => part(row * shape[1], shape[1]))
  })
}

const same = (one, other) => {
  if (one === other) return true
  if (!one || !other || one.length !== other.length) return false
  for (let i = 0; i < one.length; i++) if (one[i] !== other[i]) return false
  return true
}

// Whether an axis of range `wide` shows all of `narrow`, in the same direction.
const covers = (wide, narrow) => {
  if (![...wide, ...narrow].every((end) => typeof end === "number")) return false
  const turn = Math.sign(narrow[1] - narrow[0])
  return (narrow[0] - wide[0]) * turn >= 0 && (wide[1] - narrow[1]) * turn >= 0
}

// Numbers straight into a drawn plot. It relies on how Plotly (the version shipped with the app) keeps a
// drawn trace: `calcdata` is what hovering and zooming read, one <image> is a heatmap, one path a line. Each
// method returns false when it does not find what it expects, and the caller then draws by Plotly.react.
const Quick = {
  trace(plot, number, trace) {
    const full = plot._fullData?.[number]
    const subplot = plot.querySelector(`.subplot.${trace.xaxis}${trace.yaxis}`)
    if (!full || !subplot) return false
    return trace.type === "heatmap" ? Quick.heatmap(plot, number, trace, full, subplot) : Quick.scatter(plot, number, trace, full, subplot)
  },

  heatmap(plot, number, trace, full, subplot) {
    const calc = plot.calcdata[number][0]
    const image = subplot.querySelector(".heatmaplayer image")
    const rows = trace.z.length
    const columns = trace.z[0].length
    if (!image || calc.z.length !== rows || calc.z[0].length !== columns) return false
    if (!full._islinear || !Quick.place(plot, trace, full, calc, image)) return false
    calc.z = full.z = full._input.z = trace.z
    const colors = palette(trace)
    const pixels = new Uint32Array(rows * columns)
    const scale = 255 / (trace.zmax - trace.zmin)
    const upwards = plot._fullLayout[trace.yaxis.replace("y", "yaxis")]
    const flipped = upwards.range[0] > upwards.range[1] // the first row is the highest; a bitmap's is the lowest
    for (let row = 0; row < rows; row++) {
      const values = trace.z[row]
      let at = (flipped ? rows - 1 - row : row) * columns
      for (let column = 0; column < columns; column++, at++) {
        const value = values[column]
        if (value === value) pixels[at] = colors[Math.max(0, Math.min(255, Math.round((value - trace.zmin) * scale)))]
      }
    }
    image.setAttribute("href", bitmap(pixels, columns, rows))
    return true
  },

  // Move the picture to where its cells lie now: the same number of them, evenly spread.
  place(plot, trace, full, calc, image) {
    for (const [letter, size] of [["x", "width"], ["y", "height"]]) {
      const values = trace[letter]
      if (same(values, full._input[letter])) continue
      const count = values.length
      const axis = plot._fullLayout[trace[`${letter}axis`].replace(letter, `${letter}axis`)]
      if (count < 2 || count !== full._input[letter]?.length || typeof values[0] !== "number" || axis.type !== "linear") return false
      const pitch = (values[count - 1] - values[0]) / (count - 1)
      const edges = Array.from({ length: count + 1 }, (_, i) => values[0] + (i - 0.5) * pitch)
      const ends = [axis.c2p(edges[0]), axis.c2p(edges[count])]
      image.setAttribute(letter, Math.min(...ends))
      image.setAttribute(size, Math.abs(ends[1] - ends[0]))
      calc[letter] = edges
      if (calc[`${letter}Center`]) calc[`${letter}Center`] = values
      full[letter] = full._input[letter] = values
    }
    return true
  },

  scatter(plot, number, trace, full, subplot) {
    const { x, y } = trace
    if (same(x, full._input.x) && same(y, full._input.y)) return true
    const calc = plot.calcdata[number]
    const across = plot._fullLayout[trace.xaxis.replace("x", "xaxis")]
    const up = plot._fullLayout[trace.yaxis.replace("y", "yaxis")]
    const group = subplot.querySelector(`.scatterlayer .trace${full.uid}`)
    if (!group || !x.length || !(calc[0]?.x !== undefined)) return false
    const places = Array.from(x, (value, i) => [across.d2p(value), up.d2p(y[i])])
    if (trace.mode.includes("markers")) {
      const points = group.querySelectorAll(".points path.point")
      if (points.length !== x.length) return false
      points.forEach((point, i) => point.setAttribute("transform", `translate(${places[i][0]},${places[i][1]})`))
    }
    if (trace.mode.includes("lines")) {
      const line = group.querySelector("path.js-line")
      if (!line) return false
      line.setAttribute("d", "M" + places.map(([left, top]) => `${left.toFixed(2)},${top.toFixed(2)}`).join("L"))
    }
    full.x = full._input.x = x
    full.y = full._input.y = y
    full._length = x.length
    for (let i = 0; i < x.length; i++) {
      calc[i] ??= { i }
      calc[i].x = across.d2c(x[i])
      calc[i].y = up.d2c(y[i])
    }
    calc.length = x.length
    return true
  },
}

const heads = new Map()

// The address of a picture of (red, green, blue, alpha) pixels, lowest row first: a BMP, which takes neither the
// compressing nor the unpacking of a PNG.
function bitmap(pixels, columns, rows) {
  const size = `${columns}×${rows}`
  if (!heads.has(size)) {
    const view = new DataView(new ArrayBuffer(123)) // a multiple of 3, so that the pixels can be written on behind it
    const words = [[2, 123 + 4 * columns * rows], [10, 123], [14, 108], [18, columns], [22, rows], [30, 3], [34, 4 * columns * rows], [54, 0xff], [58, 0xff00], [62, 0xff0000], [66, 0xff000000], [70, 0x73524742]]
    for (const [at, value] of [[0, 0x4d42], [26, 1], [28, 32]]) view.setUint16(at, value, true)
    for (const [at, value] of words) view.setUint32(at, value, true)
    heads.set(size, `data:image/bmp;base64,${base64(new Uint8Array(view.buffer))}`)
  }
  return heads.get(size) + base64(new Uint8Array(pixels.buffer))
}

function base64(bytes) {
  if (bytes.toBase64) return bytes.toBase64()
  let text = ""
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode.apply(null, bytes.subarray(at, at + 8192))
  return btoa(text)
}

const palettes = new Map()

// 256 colours of a trace's scale, as little-endian pixels.
function palette(trace) {
  const name = JSON.stringify(trace.colorscale)
  if (!palettes.has(name)) {
    const channels = (color) => [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16))
    const colors = new Uint32Array(256)
    for (let i = 0; i < 256; i++) {
      const at = i / 255
      const next = Math.max(1, trace.colorscale.findIndex(([stop]) => stop >= at))
      const [low, from] = trace.colorscale[next - 1]
      const [high, to] = trace.colorscale[next]
      const [red, green, blue] = channels(from).map((value, k) => Math.round(value + ((channels(to)[k] - value) * (at - low)) / (high - low)))
      colors[i] = (255 << 24) | (blue << 16) | (green << 8) | red
    }
    palettes.set(name, colors)
  }
  return palettes.get(name)
}

class Chart {
  constructor(root) {
    this.root = root
    this.plot = root.querySelector(".plot")
    this.labels = root.querySelector(".labels")
    this.drawn = 0
    this.quick = 0
    this.askedFor = -1
    this.lastAsk = 0
    this.said = ""
    this.film = new Film()
    this.at = null // the training step that the viewer has gone back to; null: the present
    this.scrubber = new Scrubber(root, this)
    this.watchdog = setInterval(() => this.askAgain(), WATCHDOG / 2)
    this.quietUntil = 0
    this.hush = ({ type, target }) => {
      const leaves = type === "popstate" || target?.closest?.("a[href]")
      this.quietUntil = Math.max(this.quietUntil, performance.now() + (leaves ? LEAVING : HUSH))
    }
    for (const event of HANDS) window.addEventListener(event, this.hush, true)
    this.drag = new Drag(this)
  }

  // A frame from the server: one for the film, and one to draw unless the viewer is in the past.
  receive(bytes, send) {
    const frame = decode(bytes)
    const before = this.latest
    if (before && !before.running && !frame.running && frame.step > before.step) this.at = null // a single step was made
    this.send = send
    this.latest = frame
    this.keep(frame, bytes)
    const seen = frame.past.length && !frame.running && this.frame?.step === frame.step && before?.film === frame.film
    if (this.at !== null) this.follow()
    else if (!seen) this.show({ frame })
    this.report()
    this.scrubber.update()
    if (this.at !== null || seen) this.askLater()
  }

  keep(frame, bytes) {
    const { film } = this
    if (film.key !== frame.film) {
      if (frame.run !== this.run) this.at = null
      film.begin(frame.film)
    }
    this.run = frame.run
    if (!frame.film) {
      this.at = null
      return
    }
    film.since = Math.min(film.since, frame.step)
    film.add(frame.step, bytes)
    for (const { step, frame: past } of frame.past) {
      film.known.add(step)
      film.add(step, past.slice())
    }
    if (frame.past.length || frame.left === 0) {
      this.filling = false
      film.complete ||= frame.left === 0
      if (frame.left > 0) this.fill()
    }
    if (this.at !== null || (!frame.running && matchMedia("(hover: none)").matches)) this.fill()
  }

  // Stay in the past while the present goes on: draw only if another figure was chosen, or a nearer frame has come.
  follow() {
    const nearest = this.film.frames[this.film.nearest(this.at)]
    if (this.frame?.film !== this.latest.film || this.frame.step !== nearest?.step) this.travel(this.at)
  }

  // Ask for what of the past this figure has not shown yet: after another sequence or theme was chosen, say.
  fill() {
    const { film } = this
    if (this.closed || !film.key || film.complete || this.filling || film.since <= 0 || this.scrubber.held) return
    this.filling = true
    this.lastFill = performance.now()
    const wanted = { near: this.at ?? film.since, before: film.since, known: [...film.known] }
    setTimeout(() => this.send.trigger("past", wanted))
  }

  // Show the frame of the film that is nearest to a training step, or the present if that is null.
  travel(step) {
    this.at = this.film.frames.length > 1 || this.latest.film ? step : null
    const frame = this.at === null ? this.latest : null
    const kept = this.film.frames[this.film.nearest(step ?? Infinity)]
    if (frame || kept) this.show(frame ? { frame } : kept)
    this.scrubber.update()
  }

  // The hand is off the slider: what training has done meanwhile may come.
  resume() {
    this.scrubber.update()
    this.fill()
    this.askLater()
  }

  branch() {
    this.send.trigger("branch", this.frame.step)
  }

  // The newest frame wins: one that arrives while another is being drawn waits, an older one is dropped.
  async show(entry) {
    this.waiting = entry
    if (this.busy) return
    this.busy = true
    try {
      while (this.waiting && !this.closed) {
        const { frame, bytes } = this.waiting
        this.waiting = null
        await this.draw(frame ?? decode(bytes), !frame)
      }
    } finally {
      this.busy = false
      if (this.closed) this.purge()
    }
  }

  async draw(frame, past) {
    this.frame = frame
    // of the page's column, not of this chart: one of two side by side is no phone
    const width = past ? 0 : (this.root.closest(".stMainBlockContainer") ?? this.root).clientWidth
    if (width && width < frame.narrowBelow !== frame.narrow) {
      this.send.state("narrow", width < frame.narrowBelow)
      return
    }
    const room = this.plot.clientWidth // read before anything is written, which would lay the page out twice
    this.tell(frame, past)
    if (frame.data && !(await this.drawFigure(past ? this.fitted(frame) : frame, past, room))) return
    await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)))
    this.drawn += 1
    this.report()
    if (!past) this.askLater()
  }

  report() {
    const { frames, bytes } = this.film
    Object.assign(this.root.dataset, {
      frames: this.drawn, quick: this.quick, step: this.frame?.step ?? 0, run: this.latest.run, running: this.latest.running,
      film: frames.length, filmBytes: bytes, latest: this.latest.step,
    })
  }

  // A frame of the past on the axes of the present, where those have room for it, so that no axis jumps while the
  // viewer travels. Frames that get the same layout are drawn the quick way.
  fitted(frame) {
    const layout = { ...frame.layout }
    for (const name of Object.keys(layout).filter((each) => /^[xy]axis/.test(each))) {
      const [own, now] = [layout[name].range, this.latest.layout?.[name]?.range]
      if (own && now && covers(now, own)) layout[name] = this.latest.layout[name]
    }
    return { ...frame, layout, version: JSON.stringify(layout) }
  }

  async drawFigure(frame, past, room) {
    let plotly
    try {
      plotly = await loadPlotly(frame.plotly)
    } catch (problem) {
      console.warn(String(problem))
      this.send.trigger("failed", true)
      return false
    }
    this.words = frame.labels // before it draws: those of another figure have no place among these axes
    const unchanged = this.version === frame.version && (frame.running || past) && room === this.width
    if (unchanged && frame.data.every((trace, number) => Quick.trace(this.plot, number, trace))) {
      this.quick += 1
    } else {
      this.plot.style.height = `${frame.layout.height}px`
      const options = {
        responsive: true,
        displaylogo: false,
        displayModeBar: matchMedia("(hover: none)").matches ? false : "hover", // without a pointer it would always lie on the title
        modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
      }
      await plotly.react(this.plot, frame.data, { ...frame.layout, autosize: true }, options)
      this.version = frame.version
      this.width = this.plot.clientWidth
      if (!this.listening) {
        this.listening = true
        this.plot.on("plotly_afterplot", () => this.placeLabels())
        this.plot.on("plotly_click", ({ points: [{ curveNumber, x, y }] }) => {
          if (!this.latest.clickable || this.at !== null) return
          clearTimeout(this.click)
          this.quietUntil = performance.now() + DOUBLE + HUSH
          this.click = setTimeout(() => this.send.trigger("click", { trace: curveNumber, x, y }), DOUBLE)
        })
        this.plot.on("plotly_doubleclick", () => clearTimeout(this.click))
      }
    }
    this.placeLabels()
    return true
  }

  // Titles and line labels are HTML above the plot: as cheap to change as any text of a page.
  placeLabels() {
    const layout = this.plot._fullLayout
    if (!this.words || !layout) return
    while (this.labels.children.length > this.words.length) this.labels.lastChild.remove()
    this.words.forEach((label, number) => {
      const span = this.labels.children[number] ?? this.labels.appendChild(document.createElement("span"))
      if (span.innerHTML_ !== label.html) {
        span.innerHTML = span.innerHTML_ = label.html
        if (label.axis !== null) span.room = span.offsetWidth + 9
      }
      span.className = label.axis === null ? "" : "on-line"
      let left = `${100 * label.x}%`
      let top = label.y
      if (label.axis !== null) {
        const across = layout[`xaxis${label.axis}`]
        const up = layout[`yaxis${label.axis}`]
        const [end, last] = [across.d2p(label.x), across._length - span.room]
        const aside = end > last + 4 && !label.shift ? 10 : 0 // no room behind the line's end: above it
        left = `${across._offset + Math.min(last, end) + 7}px`
        top = up._offset + Math.max(0, Math.min(up._length, up.d2p(label.y))) - 8 + label.shift - aside
      }
      const style = `left:${left};top:${top}px;font-size:${label.size}px;color:${label.color}`
      if (span.style_ !== style) span.style.cssText = span.style_ = style
    })
  }

  askLater() {
    if (this.latest.running) setTimeout(() => this.ask(), Math.max(0, this.lastAsk + this.latest.interval - performance.now()))
  }

  ask() {
    const { latest } = this
    if (this.closed || !latest?.running || this.scrubber.held || this.askedFor === latest.number || document.hidden) return
    const quiet = this.quietUntil - performance.now()
    if (quiet > 0) return void setTimeout(() => this.ask(), quiet)
    this.askedFor = latest.number
    this.lastAsk = performance.now()
    this.send.trigger("next", latest.number)
  }

  // A request can get lost when the page is rerun at that very moment.
  askAgain() {
    if (this.filling && performance.now() - this.lastFill > WATCHDOG) this.filling = false
    if (!this.latest?.running || this.busy || document.hidden || this.scrubber.held) return
    if (performance.now() - this.lastAsk < WATCHDOG) return
    this.askedFor = -1
    this.ask()
  }

  tell(frame, past) {
    const find = (name) => this.root.querySelector(name)
    this.root.classList.toggle("still", !frame.count && !frame.sentences.length)
    find(".count").textContent = past ? frame.count.split(" · ")[0] : frame.count // a picture of the past has no speed
    const sentences = find(".sentences")
    sentences.style.setProperty("--lines", frame.lines)
    frame.sentences.forEach(({ text, color }, number) => {
      const line = sentences.children[number] ?? sentences.appendChild(document.createElement("span"))
      if (line.textContent !== text) line.textContent = text
      line.style.setProperty("--hue", color)
    })
    while (sentences.children.length > frame.sentences.length) sentences.lastChild.remove()
    if (this.plot.getAttribute("aria-label") !== frame.alt) this.plot.setAttribute("aria-label", frame.alt)
    this.scrubber.update()
    if (!past && frame.announce !== this.said) {
      this.said = frame.announce
      find(".announce").textContent = frame.announce
    }
  }

  close() {
    this.closed = true
    clearInterval(this.watchdog)
    this.scrubber.close()
    for (const event of HANDS) window.removeEventListener(event, this.hush, true)
    if (!this.busy) this.purge()
  }

  // Not while Plotly draws: what it does last would no longer find the plot.
  purge() {
    window.Plotly?.purge(this.plot)
  }
}

export default function ({ data, parentElement, setStateValue, setTriggerValue }) {
  const root = parentElement.querySelector(".live-chart")
  if (!root || !data) return
  let chart = charts.get(root)
  if (!chart) {
    chart = new Chart(root)
    charts.set(root, chart)
  }
  const bytes = data instanceof Uint8Array ? data : new Uint8Array(data)
  chart.receive(bytes, { state: setStateValue, trigger: setTriggerValue })
  return () => {
    chart.close()
    charts.delete(root)
  }
}
