import CCapletPlugin
import Execution
import LayerwiseCompression
import ModelGraph
import PassKit

/// A pass of a plugin with its options set, as any other pass.
final class PluginPass: PreparedPass {
    private let library: PluginLibrary
    private let pass: UnsafePointer<caplet_pass>
    private let name: String
    private let inputs: Inputs
    private let selection: TensorSelection
    private let instance: UnsafeMutableRawPointer?

    enum Inputs: UInt32 { case unused = 0, used, needed }

    /// What the plugin declares, with the option `layers` that every pass has.
    ///
    /// - Throws: `PluginError` naming what of the declaration is wrong.
    static func declaration(_ pass: UnsafePointer<caplet_pass>, _ library: PluginLibrary) throws -> PassDeclaration {
        let first = PluginDeclarations(plugin: library.label, object: "a pass")
        try first.checkSize(UnsafeRawPointer(pass).load(as: UInt32.self), of: caplet_pass.self, "caplet_pass")
        let contents = pass.pointee
        let name = try first.word(contents.name, "its name")
        let declared = PluginDeclarations(plugin: library.label, object: "pass '\(name)'")
        guard contents.create != nil, contents.transform != nil else { throw declared.malformed("has no function create or transform") }
        guard let inputs = Inputs(rawValue: contents.inputs) else { throw declared.malformed("has the unknown inputs \(contents.inputs)") }
        var options: [any PassOption] = []
        for option in try declared.array(contents.options, contents.option_count, "options") {
            let made = try PluginOption.option(option, declared)
            guard made.name != TensorSelection.option.name, !options.contains(where: { $0.name == made.name }) else {
                throw declared.malformed("option '\(made.name)' is there twice; every pass has 'layers'")
            }
            options.append(made)
        }
        let own = options
        // The plugin's own memory, which does not change and stays as long as the library.
        nonisolated(unsafe) let pass = pass
        let summary = try declared.line(contents.summary, "its summary")
        // It is handed each tensor's values, and hands back parts of which nothing is known beforehand.
        return PassDeclaration(
            name: name, summary: summary, options: options + [TensorSelection.option],
            reads: inputs == .unused ? .values : [.values, .calibration], leaves: .other, origin: library.path
        ) { values in
            try PluginPass(pass, name, inputs, own, values, library)
        }
    }

    private init(
        _ pass: UnsafePointer<caplet_pass>, _ name: String, _ inputs: Inputs, _ options: [any PassOption], _ values: PassOptions,
        _ library: PluginLibrary
    ) throws {
        let call = PluginCall(ExecutionContext(threads: 1))
        let words = options.map { (name: $0.name, text: values.text(of: $0), number: PluginOption.number(values.text(of: $0), $0)) }
        let (status, made) = try call.run(library.calls, library.label) { host in
            var made: UnsafeMutableRawPointer?
            let status = CStrings.with(words.flatMap { [$0.name, $0.text] }) { texts in
                let settings = words.enumerated().map { index, word in
                    caplet_setting(name: texts[2 * index], text: texts[2 * index + 1], number: word.number)
                }
                return settings.withUnsafeBufferPointer { settings in
                    pass.pointee.create?(library.plugin, host, settings.baseAddress, UInt64(settings.count), &made) ?? 0
                }
            }
            return (status, made)
        }
        try call.check(status, plugin: library.label, object: "pass '\(name)'")
        (self.library, self.pass, self.name, self.inputs) = (library, pass, name, inputs)
        selection = TensorSelection(values)
        instance = made
    }

    deinit {
        if let destroy = pass.pointee.destroy { library.calls.giveBack(library.label) { [instance] in destroy(instance) } }
    }

    var needsCalibration: Bool { inputs == .needed }

    func run(_ graph: inout TensorGraph, _ context: PassContext) throws -> PassReport {
        let calibration = inputs == .unused ? nil : context.calibration
        let own = PassContext(
            execution: context.execution, seed: context.seed, original: context.original, calibration: calibration, note: context.note)
        let layers = try CalibratedLayers(graph, selection, pass: name, own, needsInputs: inputs == .needed)
        return try layers.replace(in: &graph) { try self.transform($0, context) }
    }

    private func transform(_ layer: CalibratedLayer, _ context: PassContext) throws -> (payload: Payload, measurements: [Measurement]) {
        try context.execution.cancellation.check()
        let object = "pass '\(name)': tensor '\(layer.tensor.name)'"
        let parts = PluginParts(layer.weight.rows, layer.weight.columns)
        let call = PluginCall(context.execution, remark: layer.tensor.name, warn: context.note)
        let block = context.original.structure.block(of: layer.tensor.name) ?? -1
        let seed = context.seed
        let status = try call.run(library.calls, library.label) { [self] host in
            withDescription(of: layer, block: block, seed: seed) { described in
                parts.with { pass.pointee.transform?(instance, host, described, $0) ?? caplet_status(CAPLET_INTERNAL) }
            }
        }
        try call.check(status, plugin: library.label, object: object)
        // A pass that does not look at the flag is stopped between layers.
        try context.execution.cancellation.check()
        let payload: Payload
        do {
            payload = try parts.payload(storedLike: layer.tensor)
        } catch let fault as PluginParts.Fault {
            throw PluginError(.malformed, plugin: library.label, object: object, fault.description)
        }
        return (payload, try layer.measurements(of: payload) + parts.measurements)
    }

    private func withDescription<Result>(
        of layer: CalibratedLayer, block: Int, seed: UInt64, _ body: (UnsafePointer<caplet_layer>) -> Result
    ) -> Result {
        CStrings.with([layer.tensor.name]) { texts in
            layer.weight.elements.withUnsafeBufferPointer { weight in
                (layer.secondMoment?.elements ?? []).withUnsafeBufferPointer { moment in
                    var described = caplet_layer()
                    described.struct_size = UInt32(MemoryLayout<caplet_layer>.size)
                    described.block = Int32(clamping: block)
                    described.name = texts[0]
                    described.rows = UInt64(layer.weight.rows)
                    described.columns = UInt64(layer.weight.columns)
                    described.weight = weight.baseAddress
                    described.second_moment = layer.secondMoment == nil ? nil : moment.baseAddress
                    described.seed = seed
                    return withUnsafePointer(to: described, body)
                }
            }
        }
    }
}
