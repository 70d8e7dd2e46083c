// Replays the frames that Dapple's renderer records, as the plan lists them, with WebGPU.

const roundUp = (value, unit) => Math.ceil(value / unit) * unit;
const megabytes = (value) => `${Math.ceil(value / 1e6)} MB`;

class Frames {
    /** Compiles the plan's kernels; null where there is no WebGPU. */
    static async open(plan, canvas) {
        const adapter = await navigator.gpu?.requestAdapter({ powerPreference: 'high-performance' });
        if (!adapter) return null;
        const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
        const device = await adapter.requestDevice({ requiredLimits: { maxBufferSize, maxStorageBufferBindingSize } });
        const frames = new Frames(plan, device, canvas);
        await frames.compile();
        return frames;
    }

    constructor(plan, device, canvas) {
        Object.assign(this, { plan, device, canvas });
        this.limit = Math.min(device.limits.maxBufferSize, device.limits.maxStorageBufferBindingSize);
        this.quantities = { pairs: 0, pixels: 0, tiles: 0 };
        this.made = [];
        this.groups = new Map();
        this.size = [0, 0];
        this.context = canvas.getContext('webgpu');
        this.format = navigator.gpu.getPreferredCanvasFormat();
        this.context.configure({ device, format: this.format, alphaMode: 'opaque' });
        this.readback = device.createBuffer({ size: plan.status[''], usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
    }

    async compile() {
        const { device, plan } = this;
        const compiled = plan.pipelines.map(async ({ name, code, bindings }) => {
            const entries = bindings.map((type, binding) => ({ binding, visibility: GPUShaderStage.COMPUTE, buffer: { type } }));
            const layout = device.createBindGroupLayout({ entries });
            const pipeline = await device.createComputePipelineAsync({
                label: name,
                layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
                compute: { module: device.createShaderModule({ code, label: name }), entryPoint: 'main' },
            });
            return { pipeline, layout };
        });
        const module = device.createShaderModule({ code: plan.window });
        this.window = device.createRenderPipeline({
            layout: 'auto',
            vertex: { module, entryPoint: 'corner' },
            fragment: { module, entryPoint: 'display_referred', targets: [{ format: this.format }] },
        });
        this.pipelines = await Promise.all(compiled);
    }

    value(size) {
        if (typeof size === 'number') return size;
        const [quantity, times, per] = size;
        return Math.ceil((this.quantities[quantity] * times) / per);
    }

    /** The buffer of a name. */
    buffer(name) {
        return this.made[this.plan.buffers.findIndex((buffer) => buffer.name === name)].buffer;
    }

    write(name, data) {
        this.device.queue.writeBuffer(this.buffer(name), 0, data);
    }

    /** Makes the buffers anew whose size is another with the quantities that changed. */
    remake(changed) {
        Object.assign(this.quantities, changed);
        this.plan.buffers.forEach(({ name, bytes, words }, index) => {
            const size = roundUp(Math.max(this.value(bytes), 1), 16);
            const old = this.made[index];
            if (old?.size === size && !words) return;
            if (size > this.limit) {
                throw new Error(`the buffer "${name}" of this scene would have ${megabytes(size)}, and this browser allows ${megabytes(this.limit)}`);
            }
            old?.buffer.destroy();
            const { STORAGE, UNIFORM, INDIRECT, COPY_SRC, COPY_DST } = GPUBufferUsage;
            const buffer = this.device.createBuffer({ label: name, size, usage: STORAGE | UNIFORM | INDIRECT | COPY_SRC | COPY_DST });
            if (words) this.device.queue.writeBuffer(buffer, 0, Uint32Array.from(words, (word) => this.value(word)));
            this.made[index] = { buffer, size };
        });
        this.groups.clear();
    }

    /** Uploads the scene. */
    load({ n, geometry, motion, sh }) {
        this.remake({ pairs: roundUp(Math.max(4 * n, 1), this.plan.pair_unit), pixels: 1, tiles: 1 });
        this.write('geometry', geometry);
        this.write('sh', sh);
        if (motion) this.write('motion', motion);
    }

    tiles(width, height) {
        return Math.ceil(width / this.plan.tile) * Math.ceil(height / this.plan.tile);
    }

    resize(width, height) {
        if (this.size[0] === width && this.size[1] === height) return;
        this.size = [width, height];
        Object.assign(this.canvas, { width, height });
        this.stride = roundUp(width, this.plan.row_unit);
        this.remake({ pixels: this.stride * height, tiles: this.tiles(width, height) });
    }

    /** A struct's bytes; `values` are floats, or u32 where they are typed so. */
    static struct(offsets, values) {
        const data = new ArrayBuffer(offsets['']);
        for (const [name, value] of Object.entries(values)) {
            if (!(name in offsets)) throw new Error(`the plan knows no field ${name}`);
            new value.constructor(data, offsets[name], value.length).set(value);
        }
        return data;
    }

    group(step) {
        let group = this.groups.get(step);
        if (!group) {
            const entries = step.buffers.map((index, binding) => ({ binding, resource: { buffer: this.made[index].buffer } }));
            group = this.device.createBindGroup({ layout: this.pipelines[step.pipeline].layout, entries });
            this.groups.set(step, group);
        }
        return group;
    }

    record(pass, step) {
        pass.setPipeline(this.pipelines[step.pipeline].pipeline);
        pass.setBindGroup(0, this.group(step));
        if (step.groups.indirect !== undefined) {
            pass.dispatchWorkgroupsIndirect(this.made[step.groups.indirect].buffer, 0);
            return;
        }
        const groups = this.value(step.groups.direct);
        const row = this.plan.grid_row;
        if (groups > 0) pass.dispatchWorkgroups(Math.min(groups, row), Math.ceil(groups / row));
    }

    /** Runs a program once; resolves to the pairs that did not fit, or 0. */
    async attempt(program) {
        const { device, plan } = this;
        this.write('status', Frames.struct(plan.status, { capacity: Uint32Array.of(this.quantities.pairs) }));
        const encoder = device.createCommandEncoder();
        const pass = encoder.beginComputePass();
        for (const step of plan.programs[program]) this.record(pass, step);
        pass.end();
        encoder.copyBufferToBuffer(this.buffer('status'), 0, this.readback, 0, plan.status['']);
        device.queue.submit([encoder.finish()]);
        await this.readback.mapAsync(GPUMapMode.READ);
        const words = new Uint32Array(this.readback.getMappedRange());
        const [overflowed, needed] = [words[plan.status.overflowed / 4], words[plan.status.needed / 4]];
        this.readback.unmap();
        return overflowed ? needed : 0;
    }

    /** Draws a frame and shows it. Buffers that prove too small grow, and the frame is repeated. */
    async draw(program, view, presentation, target) {
        const { plan, device } = this;
        this.write('view', Frames.struct(plan.view, view));
        if (target) this.write('target', Frames.struct(plan.view, target));
        const stride = Uint32Array.of(this.stride);
        this.write('presentation', Frames.struct(plan.presentation, { ...presentation, stride }));
        for (let needed; (needed = await this.attempt(program)) > 0; ) {
            this.remake({ pairs: roundUp(needed * 1.5, plan.pair_unit) });
        }
        const encoder = device.createCommandEncoder();
        const attachment = { view: this.context.getCurrentTexture().createView(), loadOp: 'clear', storeOp: 'store' };
        const pass = encoder.beginRenderPass({ colorAttachments: [attachment] });
        pass.setPipeline(this.window);
        const entries = ['presentation', 'pixels'].map((name, binding) => ({ binding, resource: { buffer: this.buffer(name) } }));
        pass.setBindGroup(0, device.createBindGroup({ layout: this.window.getBindGroupLayout(0), entries }));
        pass.draw(3);
        pass.end();
        device.queue.submit([encoder.finish()]);
    }
}
