"use strict";
(async () => {
  const $ = (selector) => document.querySelector(selector);
  const all = (selector) => Array.from(document.querySelectorAll(selector));
  const data = JSON.parse($("#data").textContent);
  // azimuth and elevation of a look at the patient
  const VIEWS = { front: [180, 0], back: [0, 0], left: [90, 0], right: [270, 0], top: [180, 90], bottom: [180, -90] };
  const PLANES = { all: 3, axial: 0, coronal: 1, sagittal: 2 };
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const still = $("#still");
  addEventListener("beforeprint", () => { still.open = true; });

  const bytes = (text) => {
    const raw = atob(text);
    const out = new Uint8Array(raw.length);
    for (let i = 0; i < raw.length; i++) out[i] = raw.charCodeAt(i);
    return out;
  };
  const unpack = async (text) => {
    const stream = new Blob([bytes(text)]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).arrayBuffer();
  };

  const fail = (error) => {
    const text = $("#failure");
    text.textContent = `This browser cannot draw in 3D (${error.message || error}). The still pictures below show the result.`;
    text.hidden = false;
    $("#panes").hidden = true;
    $("#loading").hidden = true;
    still.open = true;
    document.documentElement.dataset.state = "failed";
  };

  const common = { dragAndDropEnabled: false, loadingText: "", backColor: [0.094, 0.106, 0.129, 1], viewModeHotKey: "", clipPlaneHotKey: "", cycleClipPlaneHotKey: "", isOrientCube: false };

  try {
    if (!document.createElement("canvas").getContext("webgl2")) throw new Error("no WebGL 2");
    const { Niivue, NVImage, NVMesh } = niivue;

    // 3D: surfaces alone
    const solid = new Niivue({ ...common, show3Dcrosshair: false, meshThicknessOn2D: 0 });
    await solid.attachToCanvas($("#solid"), true);
    solid.setSliceType(4);
    const meshes = [];
    const addMesh = async (layer, i) => {
      const packed = layer.mesh;
      const steps = new Int16Array(await unpack(packed.vertices));
      const corners = new Int32Array(await unpack(packed.faces));
      for (let i = 1; i < corners.length; i++) corners[i] += corners[i - 1];
      const points = new Float32Array(steps.length);
      for (let i = 0; i < steps.length; i++) points[i] = packed.origin[i % 3] + steps[i] * packed.step;
      const mesh = new NVMesh(points, new Uint32Array(corners.buffer), layer.name, new Uint8Array([...layer.color, 255]), layer.opacity, true, solid.gl);
      solid.meshes.push(mesh);
      meshes[i] = { mesh, points };
    };
    // what is not shown at first is unpacked when it is asked for
    for (const [i, layer] of data.layers.entries()) if (layer.shown) await addMesh(layer, i);

    // where the camera turns about: the middle of everything, or of the fly-in's target
    const box = (points) => {
      const low = [Infinity, Infinity, Infinity], high = [-Infinity, -Infinity, -Infinity];
      for (let i = 0; i < points.length; i++) {
        const axis = i % 3;
        if (points[i] < low[axis]) low[axis] = points[i];
        if (points[i] > high[axis]) high[axis] = points[i];
      }
      return { middle: low.map((l, i) => (l + high[i]) / 2), radius: Math.hypot(...low.map((l, i) => high[i] - l)) / 2 };
    };
    const boxes = meshes.filter((m) => m && m.points.length).map((m) => box(m.points));
    const head = boxes.reduce((a, b) => (b.radius > a.radius ? b : a), { middle: data.focus, radius: 1 });
    const targets = data.layers.map((layer, i) => (layer.target && meshes[i] && meshes[i].points.length ? box(meshes[i].points) : null)).filter(Boolean);
    const target = targets[0] || head;
    let pivot = [...head.middle];
    solid.setPivot3D = function () {
      this.pivot3D = pivot;
      this.furthestFromPivot = head.radius;
      this.extentsMin = head.middle.map((m) => m - head.radius);
      this.extentsMax = head.middle.map((m) => m + head.radius);
    };
    let moving = 0;
    const fly = (azimuth, elevation, scale, middle) => {
      const from = { a: solid.scene.renderAzimuth, e: solid.scene.renderElevation, s: solid.scene.volScaleMultiplier, p: pivot };
      let turn = (((azimuth - from.a) % 360) + 540) % 360 - 180;
      const mine = ++moving;
      const place = (t) => {
        const w = t * t * (3 - 2 * t);
        pivot = from.p.map((p, i) => p + (middle[i] - p) * w);
        solid.scene.volScaleMultiplier = from.s + (scale - from.s) * w;
        solid.setRenderAzimuthElevation(from.a + turn * w, from.e + (elevation - from.e) * w);
      };
      if (calm) { place(1); return; }
      const begin = performance.now();
      const step = (now) => {
        if (mine !== moving) return;
        const t = Math.min(1, Math.max(0, (now - begin) / 700));
        place(t);
        if (t < 1) requestAnimationFrame(step);
      };
      requestAnimationFrame(step);
    };
    const towards = target.middle.map((m, i) => m - head.middle[i]); // x right, y front, z up
    const flat = Math.hypot(towards[0], towards[1]);
    const look = [(Math.atan2(-towards[0], -towards[1]) * 180) / Math.PI, (Math.atan2(towards[2], flat) * 180) / Math.PI];
    const start = targets.length ? [look[0], Math.min(35, Math.max(0, look[1]))] : [200, 12];
    solid.setRenderAzimuthElevation((start[0] + 360) % 360, start[1]);
    $("#fly").addEventListener("click", () => fly(look[0], look[1], Math.min(3.5, (0.95 * head.radius) / target.radius), target.middle));
    all(".view").forEach((button) => button.addEventListener("click", () => fly(...VIEWS[button.dataset.view], 1, head.middle)));
    $("#solid").addEventListener("keydown", (event) => {
      const turns = { ArrowLeft: [-10, 0], ArrowRight: [10, 0], ArrowUp: [0, 10], ArrowDown: [0, -10] }[event.key];
      const zoom = { "+": 1.2, "=": 1.2, "-": 1 / 1.2 }[event.key];
      if (!turns && !zoom) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      if (turns) solid.setRenderAzimuthElevation(solid.scene.renderAzimuth + turns[0], Math.max(-90, Math.min(90, solid.scene.renderElevation + turns[1])));
      else solid.setScale(solid.scene.volScaleMultiplier * zoom);
    }, true);

    // slices: the scan or bone below, one overlay a layer
    const slices = new Niivue({ ...common, multiplanarShowRender: 0, isRadiologicalConvention: true, crosshairWidth: 0.6, crosshairColor: [0.95, 0.75, 0.2, 0.8], multiplanarPadPixels: 4, fontMinPx: 12, sagittalNoseLeft: true, multiplanarEqualSize: 1 });
    await slices.attachToCanvas($("#slices"), true);
    const volume = (text, name, more) => NVImage.loadFromBase64({ base64: text, name: `${name}.nii.gz`, cal_min: 0, cal_max: 255, ...more });
    const images = [await volume(data.scan, "ground", { colormap: "gray" })];
    const overlays = [];
    const addOverlay = async (layer, i) => {
      if (!layer.volume) return;
      const [r, g, b] = layer.color;
      const a = layer.alpha;
      slices.addColormap(`layer${i}`, { R: [0, r, r, r], G: [0, g, g, g], B: [0, b, b, b], A: [0, 0, a, a], I: [0, 96, 140, 255] });
      overlays[i] = await volume(layer.volume, `layer${i}`, { colormap: `layer${i}`, opacity: 1 });
      images.push(overlays[i]);
    };
    const showImages = () => {
      slices.volumes = images;
      slices.back = images[0];
      slices.overlays = images.slice(1);
      slices.updateGLVolume();
    };
    for (const [i, layer] of data.layers.entries()) if (layer.shown) await addOverlay(layer, i);
    showImages();
    $("#ground-name").textContent = data.isScan ? "Scan" : "Mask";
    slices.setSliceType(3);
    slices.onLocationChange = (where) => {
      const [x, y, z] = where.mm;
      $("#place").textContent = `L ${(-x).toFixed(0)}, P ${(-y).toFixed(0)}, S ${z.toFixed(0)} mm`;
    };
    slices.scene.crosshairPos = slices.mm2frac(data.focus);
    slices.createOnLocationChange();
    slices.drawScene();
    $("#slices").addEventListener("keydown", (event) => {
      const move = { ArrowLeft: [1, 0, 0], ArrowRight: [-1, 0, 0], ArrowUp: [0, 1, 0], ArrowDown: [0, -1, 0], PageUp: [0, 0, 1], PageDown: [0, 0, -1] }[event.key];
      if (!move) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      slices.moveCrosshairInVox(...move.map((m) => 2 * m));
    }, true);

    // switches
    $("#ground").addEventListener("change", (event) => slices.setOpacity(0, event.target.checked ? 1 : 0));
    all(".layer").forEach((box) => box.addEventListener("change", async () => {
      const i = Number(box.dataset.layer);
      if (!meshes[i]) {
        await addMesh(data.layers[i], i);
        await addOverlay(data.layers[i], i);
        showImages();
      }
      solid.setMeshProperty(meshes[i].mesh.id, "visible", box.checked);
      if (overlays[i]) slices.setOpacity(slices.getVolumeIndexByID(overlays[i].id), box.checked ? 1 : 0);
    }));
    all(".plane").forEach((button) => button.addEventListener("click", () => {
      all(".plane").forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
      slices.setSliceType(PLANES[button.dataset.plane]);
    }));

    solid.drawScene();
    $("#loading").hidden = true;
    document.documentElement.dataset.state = "ready";
  } catch (error) {
    fail(error);
    throw error;
  }
})();
