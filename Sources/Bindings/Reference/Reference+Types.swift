extension Reference {
  /// A name for a type that says more than the type itself, or that several entries share.
  struct NamedType: Sendable {
    let name: String
    let type: String
    let text: String
  }

  static let types: [NamedType] = [
    .init(name: "Span", type: "number|string|TimeSpan", text: "seconds, \"250ms\", or a TimeSpan"),
    .init(name: "Path", type: "string", text: "the name of a file or folder"),
    .init(name: "ChannelName", type: "string", text: "a channel that the source, stream or frame has"),
    .init(name: "SourceChannel", type: "string", text: "a channel that the stream's source has"),
    .init(name: "NewChannel", type: "string", text: "the name of a channel that is made"),
    .init(
      name: "BoardAddress", type: "{host?:string,port?:integer,timeout?:Span}", text: "where a board is"),
    .init(
      name: "BoardSimulation", type: "{speed?:number,rate?:number,block?:integer,seed?:integer,vars?:string}",
      text: "what the simulated board can be told"),
    .init(
      name: "CoreAddress",
      type: """
        {host?:string,port?:integer,username?:string,password?:string,password_env?:string,password_file?:Path,\
        secure?:boolean,ca_file?:Path,ca_cert?:Path,insecure_skip_verify?:boolean,timeout?:Span}
        """, text: "where a core is, and how to log in"),
    .init(
      name: "CoreSimulation", type: "{play?:Path,rate?:number,seed?:integer,login?:string}",
      text: "what the simulated core can be told"),
    .init(
      name: "StreamerOptions", type: "{[integer]:ChannelName,buffer?:integer|Span}",
      text: "the channels of a streamer, and how much it keeps"),
    .init(
      name: "CoreStreamerOptions",
      type: """
        {[integer]:ChannelName|integer,buffer?:integer|Span,downsample_factor?:integer,throttle_rate?:number,\
        throttle_rate_hz?:number,exclude_groups?:integer[]}
        """, text: "the same of a core"),
    .init(name: "ReadOptions", type: "{join?:boolean,timeout?:Span}", text: "how one frame is read"),
    .init(
      name: "FramesOptions",
      type: """
        {span?:Span,max?:integer,idle?:Span,complete?:boolean,align?:string,join?:boolean,every?:Span,\
        samples?:integer}
        """, text: "how frames are made and when they end"),
    .init(
      name: "PlotOptions",
      type: """
        {[integer]:ChannelName,channels?:ChannelName[],window?:Span,layout?:string,y?:number[],kind?:string,\
        x?:ChannelName,title?:string,size?:integer,term?:boolean,open?:boolean}
        """, text: "what a plot shows, and where"),
    .init(
      name: "JointPlotOptions",
      type: """
        {[integer]:Streamer|Frame|Series,channels?:string[],window?:Span,layout?:string,y?:number[],kind?:string,\
        x?:string,title?:string,size?:integer,term?:boolean,open?:boolean}
        """, text: "the same of several streams, frames and series"),
    .init(name: "SaveOptions", type: "{span?:Span,overwrite?:boolean}", text: "how much is saved"),
  ]

  package static let typeNames = types.map(\.name)

  /// Those that are tables of options.
  static let optionTypes: [String: APIType] = Dictionary(
    uniqueKeysWithValues: types.filter { $0.type.hasPrefix("{") }.map { ($0.name, APIType($0.type)) })

  /// The keys of a type of options.
  static func options(_ type: String) -> [String] {
    guard let options = optionTypes[type]?.optionKeys else { preconditionFailure("no options \(type)") }
    return options
  }
}
