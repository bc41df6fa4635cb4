// The film of a run, in the browser: the frames that have come, as raw bytes, and the scrubber that moves through
// them without asking the server for anything. ui/live_chart.js draws.

const MOST_FRAMES = 160
const MOST_BYTES = 16e6
const EARLY = 32 // training steps; from about there on frames lie further and further apart
const FILM_RATE = 15 // frames a second at speed 1
const SPEEDS = [1, 2, 4]

// Frames of one run in one figure, in order of their training steps; bounded, dense early and then even, by the
// same rule as in engine/film.py. Bytes are kept as they came and decoded when they are looked at.
class Film {
  constructor() {
    this.begin("")
  }

  begin(key) {
    this.key = key
    this.frames = []
    this.bytes = 0
    this.since = Infinity // the step of the first frame that came by itself; what lies before has to be asked for
    this.known = new Set() // steps that came from before that
    this.complete = false
  }

  add(step, bytes) {
    let place = this.frames.length
    while (place && this.frames[place - 1].step >= step) place--
    const taken = this.frames[place]?.step === step
    if (taken) this.bytes -= this.frames[place].bytes.length
    this.frames.splice(place, taken ? 1 : 0, { step, bytes })
    this.bytes += bytes.length
    while (this.frames.length > 2 && (this.frames.length > MOST_FRAMES || this.bytes > MOST_BYTES)) this.thin()
  }

  thin() {
    const last = this.frames.at(-1).step
    const places = this.frames.map(({ step }) => step / last + Math.log1p(step / EARLY) / Math.log1p(last / EARLY))
    let least = 1
    for (let i = 2; i < places.length - 1; i++) {
      if (places[i + 1] - places[i - 1] < places[least + 1] - places[least - 1]) least = i
    }
    this.bytes -= this.frames.splice(least, 1)[0].bytes.length
  }

  // The number of the frame nearest to a training step.
  nearest(step) {
    let best = 0
    this.frames.forEach((frame, i) => { if (Math.abs(frame.step - step) < Math.abs(this.frames[best].step - step)) best = i })
    return best
  }
}

// The progress bar, which is a slider once it is touched or training rests; play, speed, back to now, and branch.
class Scrubber {
  constructor(root, chart) {
    this.root = root
    this.chart = chart
    this.speed = 0
    const find = (name) => root.querySelector(name)
    this.parts = { range: find(".film"), fill: find(".bar i"), play: find(".film-play"), speed: find(".film-speed"), now: find(".film-now"), branch: find(".film-branch") }
    const { range, play, speed, now, branch } = this.parts
    range.addEventListener("input", () => this.go(Number(range.value)))
    range.addEventListener("pointerdown", () => this.hold(true))
    for (const event of ["pointerenter", "focus"]) range.addEventListener(event, () => chart.fill())
    this.release = () => this.hold(false)
    for (const event of ["pointerup", "pointercancel", "blur"]) window.addEventListener(event, this.release, true)
    play.addEventListener("click", () => (this.playing ? this.stop() : this.play()))
    speed.addEventListener("click", () => {
      this.speed = (this.speed + 1) % SPEEDS.length
      this.update()
    })
    now.addEventListener("click", () => this.go(chart.film.frames.length - 1))
    branch.addEventListener("click", () => chart.branch())
  }

  // Show frame number `index`; the last one is the present.
  go(index) {
    this.stop()
    this.root.classList.add("travelled")
    this.show(index)
  }

  show(index) {
    const { frames } = this.chart.film
    this.chart.travel(index >= frames.length - 1 ? null : frames[index].step)
  }

  hold(held) {
    if (held === Boolean(this.held)) return
    this.held = held
    if (held) this.stop()
    else this.chart.resume()
  }

  play() {
    const { chart } = this
    if (chart.film.frames.length < 2) return
    chart.fill()
    this.root.classList.add("travelled")
    this.playing = true
    if (chart.at === null) this.show(0)
    let due = performance.now()
    const tick = (now) => {
      if (!this.playing) return
      const pause = 1000 / FILM_RATE / SPEEDS[this.speed]
      if (now - due >= pause) {
        due = now - due > 4 * pause ? now : due + pause
        if (chart.at === null) return void this.stop()
        this.show(chart.film.nearest(chart.at) + 1)
      }
      requestAnimationFrame(tick)
    }
    requestAnimationFrame(tick)
    this.update()
  }

  stop() {
    if (!this.playing) return
    this.playing = false
    this.update()
  }

  // Say where the chart is: the slider over the frames that there are, or how far training has come.
  update() {
    const { chart } = this
    const { film, latest } = chart
    if (!latest) return
    const { range, fill, play, speed, now, branch } = this.parts
    const count = film.frames.length
    const there = count > 1 || (film.key !== "" && film.since > 0 && film.since < Infinity)
    const past = chart.at !== null || this.playing
    // the buttons come when the hand is off the slider, which they make shorter
    const open = there && (this.held ? this.root.classList.contains("open") : past || !latest.running)
    this.root.classList.toggle("filmed", there)
    this.root.classList.toggle("open", open)
    this.root.classList.toggle("travelling", chart.at !== null)
    range.disabled = !there
    range.max = Math.max(1, count - 1)
    const index = chart.at === null ? Math.max(1, count - 1) : film.nearest(chart.at)
    if (!this.held) range.value = index
    const step = chart.at === null ? latest.step : film.frames[index]?.step ?? latest.step
    range.setAttribute("aria-valuetext", `training step ${step.toLocaleString("en")}`)
    fill.style.width = `${100 * (open || past ? index / range.max : latest.progress)}%`
    play.setAttribute("aria-label", this.playing ? "Pause the film" : "Play the film")
    play.title = play.getAttribute("aria-label")
    play.classList.toggle("on", Boolean(this.playing))
    speed.textContent = `${SPEEDS[this.speed]}×`
    now.disabled = chart.at === null
    branch.hidden = !latest.branchable
  }

  close() {
    this.stop()
    for (const event of ["pointerup", "pointercancel", "blur"]) window.removeEventListener(event, this.release, true)
  }
}

