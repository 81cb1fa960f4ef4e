import StrictJSON

/// What config.json of a family of state spaces has, and what it is where the file is silent.
package struct StateSpaceKeys: Sendable {
    package var kind: StateSpace.Kind
    package var defaultStateSize = 0
    package var defaultHeadCount = 128
    package var defaultHeadSize = 64
    package var defaultGroupCount = 8
    /// Whether B, C and what time steps are made of are divided by their root mean squares.
    package var normalises = false
    package var names = StateSpaceNames()
    /// Whether heads have to be together as wide as the hidden size times the expansion.
    package var isExpanded = true
    /// The key of what follows the convolution, where that is not the activation of the design.
    package var activation: String?
    /// The key of the least time step, where that is said and not "time_step_limit", and what it is where config.json is silent.
    package var leastStep: (key: String, usual: Double)?

    /// The keys that are read.
    var keys: [String] {
        switch kind {
        case .selective:
            return ["intermediate_size", "time_step_rank", names.stateSize, names.kernelSize, names.expansion]
                + (normalises ? ["mixer_rms_eps"] : [])
        case .heads, .delta:
            return [
                names.headCount, names.headSize, names.groupCount, "time_step_limit", names.stateSize, names.kernelSize, names.expansion,
            ] + [activation, leastStep?.key].compactMap { $0 }
        case .convolution: return [names.kernelSize]
        }
    }
}

/// The names of these keys.
package struct StateSpaceNames: Sendable {
    package var stateSize = "state_size"
    package var kernelSize = "conv_kernel"
    package var expansion = "expand"
    package var headCount = "num_heads"
    package var headSize = "head_dim"
    package var groupCount = "n_groups"

    /// Those of models that have attention too.
    static let prefixed = StateSpaceNames(
        stateSize: "mamba_d_state", kernelSize: "mamba_d_conv", expansion: "mamba_expand", headCount: "mamba_n_heads",
        headSize: "mamba_d_head", groupCount: "mamba_n_groups")
}

extension ModelConfiguration {
    /// - Throws: `ConfigurationError` for sizes that contradict each other, or that are none.
    mutating func readStateSpace(_ json: JSONValue, _ keys: StateSpaceKeys) throws {
        let names = keys.names
        func size(_ key: String, _ usual: Int) throws -> Int {
            guard let value = json.object?[key], value != .null else { return usual }
            guard let number = value.integer else { throw ConfigurationError("\(key) is no integer") }
            return number
        }
        if keys.kind == .convolution {
            stateSpace = StateSpace(
                kind: .convolution, innerSize: hiddenSize, stateSize: 0, kernelSize: try size(names.kernelSize, 3), headCount: hiddenSize)
            return
        }
        let expanded = (json[names.expansion]?.number ?? 2) * Double(hiddenSize)
        guard expanded >= 1, expanded <= Double(ModelConfiguration.maximumDimension) else {
            throw ConfigurationError("\(names.expansion) is \(json[names.expansion]?.number ?? 2), of a hidden_size of \(hiddenSize)")
        }
        let (stateSize, kernelSize) = (try size(names.stateSize, keys.defaultStateSize), try size(names.kernelSize, 4))
        switch keys.kind {
        case .selective:
            let inner = try size("intermediate_size", Int(expanded))
            var space = StateSpace(kind: .selective, innerSize: inner, stateSize: stateSize, kernelSize: kernelSize, headCount: inner)
            space.rank =
                json["time_step_rank"]?.string == "auto" ? (hiddenSize + 15) / 16 : try size("time_step_rank", (hiddenSize + 15) / 16)
            if keys.normalises { space.mixerEpsilon = json["mixer_rms_eps"]?.number ?? 1e-6 }
            stateSpace = space
        case .heads, .delta:
            let heads = try size(names.headCount, keys.defaultHeadCount)
            let isFollowing = json[names.headSize]?.string == "auto"
            let width = isFollowing ? Int(expanded) / max(heads, 1) : try size(names.headSize, keys.defaultHeadSize)
            let sizes = 1...ModelConfiguration.maximumDimension
            guard sizes.contains(heads), sizes.contains(width), !keys.isExpanded || heads * width == Int(expanded) else {
                throw ConfigurationError(
                    "\(names.headCount) \(heads) of \(names.headSize) \(width) are not \(names.expansion) times hidden_size, \(expanded)")
            }
            var space = StateSpace(
                kind: keys.kind, innerSize: heads * width, stateSize: stateSize, kernelSize: kernelSize, headCount: heads)
            space.groupCount = try size(names.groupCount, keys.defaultGroupCount)
            if let key = keys.activation {
                let name = json[key]?.string ?? "silu"
                space.activation = BlockDesign.Activation(configName: name)
                if space.activation == nil { unsupportedFeatures.append("\(key) '\(name)'") }
            }
            if let (key, usual) = keys.leastStep {
                space.leastStep = json[key]?.number ?? usual
            } else if let limits = json["time_step_limit"], limits != .null {
                let numbers = limits.array?.map(ModelConfiguration.limit)
                guard let numbers, numbers.count == 2, let least = numbers[0], let most = numbers[1] else {
                    throw ConfigurationError("time_step_limit is no pair of numbers")
                }
                // None is less than 0.
                (space.leastStep, space.mostStep) = (max(least, 0), most)
            }
            stateSpace = space
        case .convolution: break
        }
    }

    /// A number, or infinity in one of the ways that it is written in.
    private static func limit(_ value: JSONValue) -> Double? {
        value.number ?? ((value["__float__"]?.string ?? value.string) == "Infinity" ? .infinity : nil)
    }

    var stateSpaceMembers: [(key: String, value: JSONValue)] {
        guard let space = stateSpace, let keys = family?.keys.stateSpace else { return [] }
        let names = keys.names
        if space.kind == .convolution { return [(names.kernelSize, .integer(space.kernelSize))] }
        let expand = Double(space.innerSize) / Double(hiddenSize)
        var members: [(key: String, value: JSONValue)] = [
            (names.stateSize, .integer(space.stateSize)), (names.kernelSize, .integer(space.kernelSize)),
            (names.expansion, Int(exactly: expand).map(JSONValue.integer) ?? .number(expand)),
        ]
        if space.kind == .delta { members.removeLast() }
        guard space.kind != .selective else {
            // Where both are there the size is what counts.
            if Int(exactly: expand) == nil { members[2].value = .integer(2) }
            members += [("intermediate_size", .integer(space.innerSize)), ("time_step_rank", .integer(space.rank))]
            return members + (keys.normalises ? [("mixer_rms_eps", .number(space.mixerEpsilon ?? 1e-6))] : [])
        }
        if !keys.isExpanded, space.kind == .heads, Int(exactly: expand) == nil { members[2].value = .integer(2) }
        members += [
            (names.headCount, .integer(space.headCount)), (names.headSize, .integer(space.headSize)),
            (names.groupCount, .integer(space.groupCount)),
        ]
        if let key = keys.activation, let activation = space.activation { members.append((key, .string(activation.configName))) }
        if let key = keys.leastStep?.key {
            members.append((key, .number(space.leastStep)))
        } else if space.leastStep > 0 || space.mostStep < .infinity {
            let most: JSONValue =
                space.mostStep < .infinity ? .number(space.mostStep) : .object(JSONObject([("__float__", .string("Infinity"))]))
            members.append(("time_step_limit", .array([.number(space.leastStep), most])))
        }
        return members
    }
}
