// A Plotly chart that stays: each frame goes into the same plot, so zoom, hover and layout survive.
//
// Two things make it fast. It asks for the next frame once the last one is on the screen, never earlier: a
// slow viewer gets fewer frames, nothing piles up, and a hidden tab, which paints nothing, asks for nothing.
// And when a frame changes numbers only, not the layout, it puts them where Plotly keeps and paints them
// (see Quick below) instead of calling Plotly.react, which lays all axes out anew at ten times the cost.

const WATCHDOG = 4000 // ms without an answer after which it asks again
const HUSH = 150 // ms of not asking after the viewer has touched something: what they did goes first
const DOUBLE = 320 // ms in which a second click makes a double click, which resets the zoom and is no choice
const HANDS = ["pointerup", "keydown"]
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
    if (!same(trace.x, full._input.x) || !same(trace.y, full._input.y) || !full._islinear) return false
    calc.z = full.z = full._input.z = trace.z
    const colors = palette(trace)
    const canvas = document.createElement("canvas")
    canvas.width = columns
    canvas.height = rows
    const context = canvas.getContext("2d")
    const picture = context.createImageData(columns, rows)
    const pixels = new Uint32Array(picture.data.buffer)
    const scale = 255 / (trace.zmax - trace.zmin)
    for (let row = 0, at = 0; row < rows; row++) {
      const values = trace.z[row]
      for (let column = 0; column < columns; column++, at++) {
        const value = values[column]
        if (value === value) pixels[at] = colors[Math.max(0, Math.min(255, Math.round((value - trace.zmin) * scale)))]
      }
    }
    context.putImageData(picture, 0, 0)
    image.setAttribute("href", canvas.toDataURL())
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
    this.watchdog = setInterval(() => this.askAgain(), WATCHDOG / 2)
    this.quietUntil = 0
    this.hush = () => { this.quietUntil = performance.now() + HUSH }
    for (const event of HANDS) document.addEventListener(event, this.hush, true)
  }

  // The newest frame wins: one that arrives while another is being drawn waits, an older one is dropped.
  async show(frame, send) {
    this.send = send
    this.waiting = frame
    if (this.busy) return
    this.busy = true
    try {
      while (this.waiting && !this.closed) {
        const next = this.waiting
        this.waiting = null
        await this.draw(next)
      }
    } finally {
      this.busy = false
      if (this.closed) this.purge()
    }
  }

  async draw(frame) {
    this.frame = frame
    // of the page's column, not of this chart: one of two side by side is no phone
    const width = (this.root.closest(".stMainBlockContainer") ?? this.root).clientWidth
    if (width && width < frame.narrowBelow !== frame.narrow) {
      this.send.state("narrow", width < frame.narrowBelow)
      return
    }
    this.tell(frame)
    if (frame.data && !(await this.drawFigure(frame))) return
    await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)))
    this.drawn += 1
    Object.assign(this.root.dataset, { frames: this.drawn, quick: this.quick, step: frame.step, run: frame.run, running: frame.running })
    if (frame.running) setTimeout(() => this.ask(), Math.max(0, this.lastAsk + frame.interval - performance.now()))
  }

  async drawFigure(frame) {
    let plotly
    try {
      plotly = await loadPlotly(frame.plotly)
    } catch (problem) {
      console.warn(String(problem))
      this.send.trigger("failed", true)
      return false
    }
    const unchanged = this.version === frame.version && frame.running && this.plot.clientWidth === this.width
    if (unchanged && frame.data.every((trace, number) => Quick.trace(this.plot, number, trace))) {
      this.quick += 1
    } else {
      this.plot.style.height = `${frame.layout.height}px`
      const options = { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"] }
      await plotly.react(this.plot, frame.data, { ...frame.layout, autosize: true }, options)
      this.version = frame.version
      this.width = this.plot.clientWidth
      if (!this.listening) {
        this.listening = true
        this.plot.on("plotly_afterplot", () => this.placeLabels())
        this.plot.on("plotly_click", ({ points: [{ curveNumber, x, y }] }) => {
          if (!this.frame.clickable) return
          clearTimeout(this.click)
          this.quietUntil = performance.now() + DOUBLE + HUSH
          this.click = setTimeout(() => this.send.trigger("click", { trace: curveNumber, x, y }), DOUBLE)
        })
        this.plot.on("plotly_doubleclick", () => clearTimeout(this.click))
      }
    }
    this.words = frame.labels
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
      let left = `${100 * label.x}%`
      let top = label.y
      if (label.axis !== null) {
        const across = layout[`xaxis${label.axis}`]
        const up = layout[`yaxis${label.axis}`]
        left = `${across._offset + Math.min(across._length - span.room, across.d2p(label.x)) + 7}px`
        top = up._offset + Math.max(0, Math.min(up._length, up.d2p(label.y))) - 8 + label.shift
      }
      span.style.cssText = `left:${left};top:${top}px;font-size:${label.size}px;color:${label.color}`
    })
  }

  ask() {
    if (this.closed || !this.frame?.running || this.askedFor === this.frame.number || document.hidden) return
    const quiet = this.quietUntil - performance.now()
    if (quiet > 0) return void setTimeout(() => this.ask(), quiet)
    this.askedFor = this.frame.number
    this.lastAsk = performance.now()
    this.send.trigger("next", this.frame.number)
  }

  // A request can get lost when the page is rerun at that very moment.
  askAgain() {
    if (!this.frame?.running || this.busy || document.hidden) return
    if (performance.now() - this.lastAsk < WATCHDOG) return
    this.askedFor = -1
    this.ask()
  }

  tell(frame) {
    const find = (name) => this.root.querySelector(name)
    this.root.classList.toggle("still", !frame.count && !frame.sentences.length)
    find(".bar i").style.width = `${100 * frame.progress}%`
    find(".count").textContent = frame.count
    const sentences = find(".sentences")
    sentences.style.setProperty("--lines", frame.lines)
    frame.sentences.forEach(({ text, color }, number) => {
      const line = sentences.children[number] ?? sentences.appendChild(document.createElement("span"))
      if (line.textContent !== text) line.textContent = text
      line.style.setProperty("--hue", color)
    })
    while (sentences.children.length > frame.sentences.length) sentences.lastChild.remove()
    if (this.plot.getAttribute("aria-label") !== frame.alt) this.plot.setAttribute("aria-label", frame.alt)
    if (frame.announce !== this.said) {
      this.said = frame.announce
      find(".announce").textContent = frame.announce
    }
  }

  close() {
    this.closed = true
    clearInterval(this.watchdog)
    for (const event of HANDS) document.removeEventListener(event, this.hush, true)
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
  chart.show(decode(bytes), { state: setStateValue, trigger: setTriggerValue })
  return () => {
    chart.close()
    charts.delete(root)
  }
}
